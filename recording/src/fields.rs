//! Fields of lines, for every kind of recording.

use std::borrow::Cow;
use std::time::Instant;

use livebus_core::{Cause, Failure, FailureClass, HandlerId};

use crate::epoch::Epoch;
use crate::line::{Damage, End};

pub(crate) fn failure(field: &str, class: &str, code: Option<i32>) -> Result<Failure, Damage> {
    let class = FailureClass::from_name(class).ok_or_else(|| unknown(field, class))?;
    Ok(code.map_or(Failure::new(class), |code| Failure::with_code(class, code)))
}

/// The fields that a cause has beside its name. Those that it has are taken out.
pub(crate) struct CauseFields<'f, 'a> {
    pub(crate) handler: &'f mut Option<usize>,
    pub(crate) failure: &'f mut Option<&'a str>,
    pub(crate) code: &'f mut Option<i32>,
}

impl CauseFields<'_, '_> {
    pub(crate) fn cause(self, name: &str) -> Result<Cause, Damage> {
        let Self {
            handler,
            failure: class,
            code,
        } = self;
        let mut take_failure =
            || failure("failure", present("failure", class.take())?, code.take());
        Ok(match name {
            "Unreported" => Cause::Unreported,
            "Configured" => Cause::Configured,
            "Starting" => Cause::Starting,
            "Evidence" => Cause::Evidence,
            "StartFailed" => Cause::StartFailed(take_failure()?),
            "LivenessFailed" => Cause::LivenessFailed(take_failure()?),
            "ClientLost" => Cause::ClientLost(take_failure()?),
            "HandlerFailed" => Cause::HandlerFailed(handler_id(handler.take())?, take_failure()?),
            "Starved" => Cause::Starved,
            "ShuttingDown" => Cause::ShuttingDown,
            "ShutDown" => Cause::ShutDown,
            "ForcedStop" => Cause::ForcedStop,
            "Reported" => Cause::Reported,
            _ => return Err(unknown("cause", name)),
        })
    }
}

pub(crate) fn handler_id(index: Option<usize>) -> Result<HandlerId, Damage> {
    HandlerId::from_index(present("handler", index)?)
        .ok_or_else(|| Damage::new("`handler` is more than the maximum"))
}

pub(crate) fn instant(field: &str, nanos: Option<i64>, epoch: Epoch) -> Result<Instant, Damage> {
    epoch
        .instant(present(field, nanos)?)
        .ok_or_else(|| Damage::new(format!("`{field}` is more than 100 years from the start")))
}

pub(crate) fn present<T>(field: &str, value: Option<T>) -> Result<T, Damage> {
    value.ok_or_else(|| Damage::new(format!("`{field}` is missing")))
}

pub(crate) fn unknown(field: &str, value: &str) -> Damage {
    Damage::new(format!("`{field}` is {value:?}, which is unknown"))
}

impl End {
    /// Returns the reason, and how many actions were not polled.
    pub(crate) fn fields(&self) -> (Cow<'static, str>, Option<u64>) {
        match self {
            Self::Stopped => (Cow::Borrowed("stopped"), None),
            Self::ForcedStop => (Cow::Borrowed("forced stop"), None),
            Self::Continued { queued } => (Cow::Borrowed("continued"), Some(*queued)),
            Self::TooSlow => (Cow::Borrowed("too slow"), None),
            Self::Failed(_) => (Cow::Owned(self.to_string()), None),
        }
    }

    pub(crate) fn from_fields(end: &str, queued: Option<u64>) -> Result<Self, Damage> {
        let end = match end {
            "stopped" => Self::Stopped,
            "forced stop" => Self::ForcedStop,
            "continued" => {
                let queued = present("queued", queued)?;
                return Ok(Self::Continued { queued });
            }
            "too slow" => Self::TooSlow,
            _ => match end.strip_prefix("failed: ") {
                Some(reason) => Self::Failed(reason.to_owned()),
                None => return Err(unknown("end", end)),
            },
        };
        match queued {
            None => Ok(end),
            Some(_) => Err(Damage::new(
                "it has a field that this kind of line does not have",
            )),
        }
    }
}

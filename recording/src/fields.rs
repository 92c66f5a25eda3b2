//! Fields of lines, for every kind of recording.

use std::borrow::Cow;
use std::time::Instant;

use livebus_core::{Failure, FailureClass};

use crate::epoch::Epoch;
use crate::line::{Damage, End};

pub(crate) fn failure(field: &str, class: &str, code: Option<i32>) -> Result<Failure, Damage> {
    let class = FailureClass::from_name(class).ok_or_else(|| unknown(field, class))?;
    Ok(code.map_or(Failure::new(class), |code| Failure::with_code(class, code)))
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

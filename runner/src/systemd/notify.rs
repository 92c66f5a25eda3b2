//! The start and the end of the task that notifies systemd.

use std::convert::Infallible;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::{BoxFuture, Shared};
use livebus_readiness::{Readiness, Service};

use super::notifier::Notifier;
use super::variables::{Systemd, SystemdError};
use crate::time::Time;

/// Whether to notify systemd, and where the task for that runs.
pub(crate) struct Notify {
    pub(crate) systemd: Result<Option<Systemd>, SystemdError>,
    pub(crate) spawn: fn(BoxFuture<'static, ()>),
}

impl Notify {
    /// Spawns the task that notifies systemd of the process of `readiness` until the supervision of `service` has ended. Without a
    /// systemd that listens, does nothing.
    pub(crate) fn start(
        notify: Option<Self>,
        readiness: &Readiness,
        service: &Service,
        time: &Arc<dyn Time>,
    ) -> Notified {
        let Some(Self { systemd, spawn }) = notify else {
            return Notified::default();
        };
        let systemd = match systemd {
            Ok(Some(systemd)) => systemd,
            Ok(None) => return Notified::default(),
            Err(error) => {
                tracing::warn!(service = service.name(), "systemd is not notified: {error}");
                return Notified::default();
            }
        };
        if let Some(error) = systemd.watchdog_error() {
            tracing::warn!(
                service = service.name(),
                "the watchdog of systemd is not notified: {error}"
            );
        }
        let (guard, ended) = oneshot::channel::<Infallible>();
        let notifier = Notifier::new(
            systemd,
            readiness.clone(),
            service.clone(),
            Arc::clone(time),
        );
        let task = async move {
            let _guard = guard;
            notifier.run().await;
        };
        spawn(task.boxed());
        Notified(Some(ended.shared()))
    }
}

/// The end of the task that notifies systemd, if there is one.
#[derive(Default)]
pub(crate) struct Notified(Option<Shared<oneshot::Receiver<Infallible>>>);

impl Notified {
    /// Waits until the task has ended, which follows the end of the supervision at once: it never waits for systemd.
    pub(crate) async fn ended(&self) {
        if let Some(ended) = self.0.clone() {
            let _cancelled = ended.await;
        }
    }
}

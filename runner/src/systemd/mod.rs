//! The notifications to systemd: that the process has started, its status, that it stops, and that its loops are on time.
//!
//! - [`Systemd`] is what systemd tells a process in its environment.
//! - [`Notify`] starts the task that sends the notifications, and [`Notified`] resolves when that has ended.

mod notifier;
mod notify;
mod socket;
mod variables;

pub(crate) use notify::{Notified, Notify};
pub use variables::{Systemd, SystemdError};

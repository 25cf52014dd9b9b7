//! A server program's door: while it's shut, connections are refused and those that were open are gone.

use std::cell::Cell;
use std::future::Future;

use tokio::sync::Notify;

use crate::http::{self, Answer, Incoming};
use crate::world::Host;

#[derive(Default)]
pub(in crate::webhook) struct Door {
    shut: Cell<bool>,
    turned: Notify,
}

impl Door {
    pub(in crate::webhook) fn set(&self, shut: bool) {
        self.shut.set(shut);
        self.turned.notify_waiters();
    }

    async fn wait(&self, shut: bool) {
        while self.shut.get() != shut {
            self.turned.notified().await;
        }
    }

    /// Serves a port while the door is open, until the host dies.
    pub(in crate::webhook) async fn serve<H, F>(&self, host: &Host, port: u16, handler: H)
    where
        H: Fn(Incoming) -> F + Clone + 'static,
        F: Future<Output = Answer> + 'static,
    {
        loop {
            self.wait(false).await;
            let ended = tokio::select! {
                biased;
                () = self.wait(true) => None,
                ended = http::serve(host, port, handler.clone()) => Some(ended),
            };
            if let Some(Err(error)) = ended {
                assert!(host.check_alive().is_err(), "{} can't receive webhooks at port {port}: {error}", host.name());
                return;
            }
        }
    }
}

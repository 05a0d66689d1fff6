//! What a caller has in hand while a call is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc;

use super::call::{Event, HostError};
use super::course::Course;

/// A call under way. Dropping it stops the script.
#[derive(Debug)]
pub struct CallHandle(Way);

#[derive(Debug)]
enum Way {
    /// The embedded engine: the call goes on when its events are asked for.
    Here(Box<Course>),
    /// Something else runs it.
    There(Remote),
}

/// Both ends of a call that something else runs.
#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) events: mpsc::UnboundedReceiver<Event>,
    pub(crate) answers: mpsc::UnboundedSender<(u32, Result<String, HostError>)>,
    pub(crate) cancelled: Arc<AtomicBool>,
}

impl CallHandle {
    pub(super) fn here(course: Course) -> Self {
        Self(Way::Here(Box::new(course)))
    }

    pub(crate) fn there(remote: Remote) -> Self {
        Self(Way::There(remote))
    }

    /// The next event. After [`Event::Done`], or when what runs the script is gone, it is `None`. Nothing is lost when
    /// the future is dropped.
    pub async fn next(&mut self) -> Option<Event> {
        match &mut self.0 {
            Way::Here(course) => course.next().await,
            Way::There(remote) => remote.events.recv().await,
        }
    }

    /// Answers a question with JSON text or an error.
    pub fn answer(&mut self, id: u32, answer: Result<String, HostError>) {
        match &mut self.0 {
            Way::Here(course) => course.answer(id, answer),
            Way::There(remote) => {
                // A script that ended meanwhile wants no answers.
                let _ = remote.answers.send((id, answer));
            }
        }
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

//! Ends a rehearsal early: an interrupt or the time limit in, a cancelled or terminated query and the reason out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use postgres::{CancelToken, Config, NoTls};

/// A query that does not yield to this many cancellations has its connection ended.
const PATIENCE: u32 = 5;

/// Shared by the rehearsal, its watchdog and the signal handler.
#[derive(Clone, Default)]
pub struct Stop(Arc<State>);

#[derive(Default)]
struct State {
    reason: Mutex<Option<String>>,
    running: Mutex<Option<Running>>,
    finished: AtomicBool,
}

/// The connection that works now.
struct Running {
    token: CancelToken,
    config: Config,
    pid: i32,
}

impl Stop {
    /// Asks the rehearsal to end. The first reason stays.
    pub fn request(&self, reason: &str) {
        lock(&self.0.reason).get_or_insert_with(|| reason.to_owned());
    }

    pub fn reason(&self) -> Option<String> {
        lock(&self.0.reason).clone()
    }

    /// Names the connection whose query is ended when the end is asked for.
    pub fn watch(&self, token: CancelToken, config: Config, pid: i32) {
        *lock(&self.0.running) = Some(Running { token, config, pid });
    }

    /// Watches the clock until the guard is dropped.
    pub fn watchdog(&self, limit: Duration) -> Watchdog {
        let stop = self.clone();
        let deadline = Instant::now() + limit;
        let thread = thread::spawn(move || {
            let mut asked = 0;
            while !stop.0.finished.load(Ordering::Relaxed) {
                if Instant::now() > deadline {
                    stop.request(&format!("the time limit of {} s was reached", limit.as_secs()));
                }
                if stop.reason().is_some() {
                    stop.end(asked);
                    asked += 1;
                    thread::sleep(Duration::from_millis(200));
                }
                thread::sleep(Duration::from_millis(20));
            }
        });
        Watchdog { stop: self.clone(), thread: Some(thread) }
    }

    /// Cancels what runs; what resists loses its connection. A server that is gone already has nothing to end.
    fn end(&self, asked: u32) {
        if let Some(running) = &*lock(&self.0.running) {
            let _ = running.token.cancel_query(NoTls);
            if asked >= PATIENCE
                && let Ok(mut client) = running.config.connect(NoTls)
            {
                let _ = client.execute("SELECT pg_catalog.pg_terminate_backend($1)", &[&running.pid]);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub struct Watchdog {
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.stop.0.finished.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

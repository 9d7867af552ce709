//! A thread that accepts connections, until it is dropped.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Listens on a port of loopback that the system chooses.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    end: Arc<End>,
    thread: Option<JoinHandle<()>>,
}

/// Tells connections that the listener ends.
#[derive(Debug, Default)]
pub(crate) struct End {
    ended: Mutex<bool>,
    changed: Condvar,
    stop_accepting: AtomicBool,
}

impl Listener {
    /// Calls `serve` on a thread of its own for each connection.
    pub(crate) fn start(serve: impl Fn(TcpStream, &End) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let end = Arc::new(End::default());
        let (serve, of_thread) = (Arc::new(serve), Arc::clone(&end));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if of_thread.stop_accepting.load(Ordering::SeqCst) {
                    return;
                }
                let (serve, end) = (Arc::clone(&serve), Arc::clone(&of_thread));
                std::thread::spawn(move || serve(stream, &end));
            }
        });
        Self { address, end, thread: Some(thread) }
    }
}

impl End {
    /// Waits until the listener is dropped.
    pub(crate) fn wait(&self) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        while !*ended {
            ended = self.changed.wait(ended).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        *self.end.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.end.changed.notify_all();
        self.end.stop_accepting.store(true, Ordering::SeqCst);
        // One more connection, for the thread to look up.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

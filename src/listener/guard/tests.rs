use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use super::*;

impl Abort for DuplexStream {
    fn abort(&self) {}
}

const BRIEF: Duration = Duration::from_millis(30);
const FOR_EVER: Duration = Duration::from_hours(1);

/// A guarded stream to a peer that takes 16 bytes before it has to read.
fn pair(patience: Duration) -> (Guarded<DuplexStream>, DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(16);
    (Guarded::new(ours, patience, ()), theirs)
}

#[tokio::test]
async fn a_peer_that_takes_no_bytes_is_cut_off() {
    let (mut guarded, _peer) = pair(BRIEF);
    let error = guarded.write_all(&[0; 17]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn after_a_stall_every_call_fails() {
    let (mut guarded, _peer) = pair(BRIEF);
    guarded.write_all(&[0; 17]).await.unwrap_err();
    let kinds = [
        guarded.write(&[0]).await.unwrap_err().kind(),
        guarded.flush().await.unwrap_err().kind(),
        guarded.shutdown().await.unwrap_err().kind(),
        guarded.read(&mut [0]).await.unwrap_err().kind(),
    ];
    assert_eq!(kinds, [io::ErrorKind::TimedOut; 4]);
    assert!(guarded.cut_handle().is_cut());
}

#[tokio::test]
async fn a_task_that_wrote_and_now_only_reads_learns_of_the_stall() {
    let (mut guarded, _peer) = pair(BRIEF);
    guarded.write_all(&[0; 16]).await.unwrap();
    // As a TLS stream does: what does not fit is left for later, and the caller goes on to read.
    let refused = poll_once(|cx| Pin::new(&mut guarded).poll_write(cx, &[0])).await;
    assert!(refused.is_pending());
    let error = guarded.read(&mut [0]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn a_peer_that_takes_bytes_again_stops_the_timer() {
    let (mut guarded, mut peer) = pair(FOR_EVER);
    guarded.write_all(&[0; 16]).await.unwrap();
    assert!(
        guarded.stall.is_none(),
        "nothing waits, so nothing is timed"
    );
    let refused = poll_once(|cx| Pin::new(&mut guarded).poll_write(cx, &[0])).await;
    assert!(refused.is_pending());
    assert!(guarded.stall.is_some() && guarded.cut_handle().is_refused());
    peer.read_exact(&mut [0; 16]).await.unwrap();
    guarded.write_all(&[0]).await.unwrap();
    assert!(guarded.stall.is_none());
}

#[tokio::test]
async fn a_cut_wakes_a_reader_and_a_writer_in_different_tasks() {
    let (guarded, _peer) = pair(FOR_EVER);
    let handle = guarded.cut_handle();
    let (mut read, mut write) = tokio::io::split(guarded);
    let reader = tokio::spawn(async move { read.read(&mut [0]).await });
    let writer = tokio::spawn(async move { write.write_all(&[0; 17]).await });
    tokio::task::yield_now().await;
    handle.cut();
    for error in [
        reader.await.unwrap().unwrap_err(),
        writer.await.unwrap().unwrap_err(),
    ] {
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    }
}

#[tokio::test]
async fn a_handle_that_outlives_its_connection_holds_no_task() {
    let (mut guarded, _peer) = pair(FOR_EVER);
    let handle = guarded.cut_handle();
    let waiting = poll_once(|cx| {
        let mut byte = [0];
        Pin::new(&mut guarded).poll_read(cx, &mut ReadBuf::new(&mut byte))
    });
    assert!(waiting.await.is_pending());
    assert!(handle.0.waiting().reader.is_some());
    drop(guarded);
    assert!(handle.0.waiting().reader.is_none());
    handle.cut();
}

async fn poll_once<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    std::future::poll_fn(|cx| Poll::Ready(poll(cx))).await
}

//! What can go wrong with an upstream.

use std::time::Duration;

/// One way to fail. Those that need an answer to spoil take the right one.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This status, with a sentence as body.
    Status(u16),
    /// This status with `Retry-After`, in seconds.
    RetryAfter(u16, u64),
    /// The right answer, late.
    Delay(Duration),
    /// Never an answer, while the connection stays open.
    Hang,
    /// The connection ends before anything of an answer.
    HangUp,
    /// The right length is announced and half of the bytes come; then nothing more, while the connection stays open.
    Stall,
    /// The right length is announced, half of the bytes come, the connection ends.
    Reset,
    /// Half of the bytes, as if they were all.
    Truncated,
    /// The right length, but a byte in the middle is another one.
    Corrupted,
    /// Index lines with another checksum than that of the bytes.
    WrongChecksum,
    /// Index lines of a crate of another name.
    WrongName,
    /// 200 and a page for people, as from a captive portal.
    Html,
    /// 200 and text that is neither JSON nor an archive.
    Garbage,
    /// 200 and nothing.
    Empty,
    /// 200 and that many bytes, of unannounced length, made as they are read.
    Huge(u64),
    /// 200 and a compressed text (`Content-Encoding: gzip`) that is so long, in bytes, when it is unpacked.
    GzipBomb(u64),
    /// The right answer in pieces of that many bytes, with a pause before each.
    SlowDrip(usize, Duration),
    /// 302 to this place.
    Redirect(String),
    /// 302 to the place that was asked for.
    RedirectLoop,
}

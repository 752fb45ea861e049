//! Small request bodies, read whole: with a limit on their size and on our patience.

use std::{error::Error, time::Duration};

use axum::body::{Body, Bytes};
use http_body_util::LengthLimitError;
use supercargo_registry::{Failure, Refusal};
use tokio::time::timeout;

/// Somebody who sends a byte now and then would otherwise hold a connection for as long as they like (slowloris).
const WITHIN: Duration = Duration::from_secs(30);

/// # Errors
/// [`Refusal::Shape`] for a body that is longer than `limit` bytes, breaks off, or does not come to an end.
pub(crate) async fn whole(body: Body, limit: usize) -> Result<Bytes, Failure> {
    let refuse = |text: String| Err(Refusal::Shape(text).into());
    match timeout(WITHIN, axum::body::to_bytes(body, limit)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_too_long(&error) => {
            refuse(format!("the request has more than {limit} bytes"))
        }
        Ok(Err(_)) => refuse("the request broke off; send it again".to_owned()),
        Err(_) => refuse(format!(
            "the request took longer than {} seconds; send it again",
            WITHIN.as_secs()
        )),
    }
}

fn is_too_long(error: &axum::Error) -> bool {
    let cause = error.source();
    cause.is_some_and(<dyn Error>::is::<LengthLimitError>)
}

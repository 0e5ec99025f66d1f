//! How long things took.

use cupola_api::durations::Phase;
use cupola_api::event::EventId;
use jiff::Timestamp;

use crate::store::{DurationSample, Store};

fn sample(number: i64) -> DurationSample {
    DurationSample {
        id: EventId(number),
        at: Timestamp::from_second(number).expect("a time"),
        resource_class: (number % 2 == 0).then(|| "gold".to_owned()),
        driver: Some("ipmi".to_owned()),
        phase: Phase::Deploying,
        step: (number % 3 == 0).then(|| "deploy.write_image".to_owned()),
        milliseconds: 1000,
    }
}

pub(super) async fn durations_are_kept_and_trimmed(store: Store) {
    let samples: Vec<_> = (1..=9).map(sample).collect();
    store.keep_durations(&samples).await.expect("kept");
    // The first answer may have been lost.
    store.keep_durations(&samples).await.expect("kept");
    store.keep_durations(&[]).await.expect("nothing to keep");
    let newest = store.durations(2).await.expect("read");
    assert_eq!(newest, [sample(9), sample(8)]);
    assert_eq!(store.trim_durations(4).await.expect("trimmed"), 5);
    assert_eq!(store.trim_durations(4).await.expect("trimmed"), 0);
    assert_eq!(store.durations(100).await.expect("read").len(), 4);
}

//! The whole table of changes.

use proptest::prelude::*;

use super::*;

const CHANGES: [Change; 7] =
    [Change::Start, Change::Succeed, Change::Fail, Change::Cancel, Change::TimeOut, Change::Skip, Change::Lose];

#[test]
fn the_changes_that_are_possible() {
    let possible: Vec<String> = Status::ALL
        .into_iter()
        .flat_map(|from| CHANGES.into_iter().map(move |change| (from, change)))
        .filter_map(|(from, change)| Some(format!("{from} → {}", from.change(change).ok()?)))
        .collect();
    assert_eq!(
        possible,
        [
            "pending → running",
            "pending → failed",
            "pending → cancelled",
            "pending → skipped",
            "running → succeeded",
            "running → failed",
            "running → cancelled",
            "running → timed-out",
            "running → lost",
        ]
    );
}

proptest! {
    #[test]
    fn every_way_ends_and_stays_there(changes in proptest::collection::vec(proptest::sample::select(&CHANGES[..]), 0..20)) {
        let mut status = Status::Pending;
        let mut steps = 0;
        for change in changes {
            match status.change(change) {
                Ok(next) => {
                    prop_assert!(!status.is_final());
                    prop_assert_ne!(status, next);
                    status = next;
                    steps += 1;
                }
                Err(illegal) => prop_assert_eq!(illegal, IllegalChange { from: status, change }),
            }
        }
        prop_assert!(steps <= 2);
    }
}

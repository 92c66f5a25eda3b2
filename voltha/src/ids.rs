//! The id of a request, and the correlation that it stands for.

use livebus_core::calls::{CallId, Correlation, Identity};
use livebus_runner::calls::{format_correlation, parse_correlation};

/// Returns the id of a request of our own.
pub(crate) fn id_of(correlation: Correlation) -> String {
    format_correlation(correlation)
}

/// Returns the correlation that an id stands for: what [`id_of`] wrote; or else a hash of 192 bits over the id and the topic where its
/// sender wants the reply, since others may number their requests. It is the same in each process and each version, so that no restart takes a repeated
/// request for another one.
pub(crate) fn correlation_of(id: &str, reply_topic: &str) -> Correlation {
    if let Some(correlation) = parse_correlation(id) {
        return correlation;
    }
    // No name of a topic has a zero byte.
    let bytes = || reply_topic.bytes().chain([0]).chain(id.bytes());
    let wide = fnv_1a_128(bytes());
    let half = |half: u128| u64::try_from(half & u128::from(u64::MAX)).unwrap_or_default();
    Correlation {
        from: Identity {
            instance: half(wide >> 64),
            epoch: half(wide),
        },
        call: CallId(fnv_1a_64(bytes())),
    }
}

fn fnv_1a_128(bytes: impl Iterator<Item = u8>) -> u128 {
    bytes.fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    })
}

fn fnv_1a_64(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_our_own_stands_for_its_correlation() {
        let correlation = Correlation {
            from: Identity {
                instance: u64::MAX,
                epoch: 2,
            },
            call: CallId(7),
        };
        assert_eq!(correlation_of(&id_of(correlation), "replies"), correlation);
        assert_eq!(correlation_of(&id_of(correlation), "other"), correlation);
    }

    /// The vectors of the specification, and one of our own that must never change.
    #[test]
    fn the_hash_of_an_id_is_the_same_in_each_version() {
        assert_eq!(fnv_1a_64(b"foobar".iter().copied()), 0x8594_4171_f739_67e8);
        assert_eq!(
            fnv_1a_128(b"foobar".iter().copied()),
            0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18
        );
        let correlation = correlation_of("9f6c1f0e-2a54-4d38-8f3c-6b8d6a8d3c11", "rwcore");
        assert_eq!(
            id_of(correlation),
            "152bf88200d67490-5abbeebcdbc5d625-575bf01d03306f45"
        );
    }

    #[test]
    fn the_same_number_of_two_callers_is_two_calls() {
        assert_ne!(correlation_of("1", "a"), correlation_of("1", "b"));
        assert_ne!(correlation_of("1", "a"), correlation_of("2", "a"));
    }
}

//! The records above a committed position that are done, as the metadata of the commit.
//!
//! `lb1.RECORDS.CHECKSUM`: for each record the distance of its offset from the one before (from the committed position for the first) as a
//! variable-length number, then four bytes of its fingerprint, all in base64; then the CRC-32 of the position and the records, in
//! hexadecimal. What is not exactly this is not understood, and the records are handled again.

use std::panic::{AssertUnwindSafe, catch_unwind};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use livebus_core::dispatch::DoneRecord;
use rdkafka::topic_partition_list::TopicPartitionListElem;

/// The version of the format.
const VERSION: &str = "lb1";

/// The most bytes of metadata. Brokers accept 4,096 unless `offset.metadata.max.bytes` says otherwise.
pub(crate) const MAX_BYTES: usize = 3_500;

/// The fewest bytes of one record, before base64.
const MIN_RECORD: usize = 5;

/// Returns the metadata of a position. `None` for what is not UTF-8, which another client may have written: rdkafka panics on it.
pub(crate) fn metadata(element: &TopicPartitionListElem<'_>) -> Option<String> {
    catch_unwind(AssertUnwindSafe(|| element.metadata().to_owned())).ok()
}

/// Returns the metadata of a commit at `position`; `None` if the records do not fit. Offsets ascend, from the position on.
pub(crate) fn encode(position: i64, done: &[DoneRecord]) -> Option<String> {
    if done.is_empty() {
        return Some(String::new());
    }
    if done.len().saturating_mul(MIN_RECORD) > MAX_BYTES {
        return None;
    }
    let mut bytes = Vec::with_capacity(done.len() * (MIN_RECORD + 1));
    let mut before = position;
    for record in done {
        let distance = u64::try_from(record.offset.checked_sub(before)?).ok()?;
        push_number(&mut bytes, distance);
        bytes.extend_from_slice(&record.fingerprint.to_le_bytes());
        before = record.offset;
    }
    let checksum = checksum(position, &bytes);
    let records = STANDARD_NO_PAD.encode(&bytes);
    let text = format!("{VERSION}.{records}.{checksum:08x}");
    (text.len() <= MAX_BYTES).then_some(text)
}

/// Returns the records of the metadata of a commit at `position`; `None` if they are not understood.
pub(crate) fn decode(position: i64, metadata: &str) -> Option<Vec<DoneRecord>> {
    if metadata.is_empty() {
        return Some(Vec::new());
    }
    let mut parts = metadata.split('.');
    let (version, records, sum) = (parts.next()?, parts.next()?, parts.next()?);
    if version != VERSION || parts.next().is_some() || sum.len() != 8 {
        return None;
    }
    let bytes = STANDARD_NO_PAD.decode(records).ok()?;
    if u32::from_str_radix(sum, 16).ok()? != checksum(position, &bytes) {
        return None;
    }
    let (mut rest, mut before) = (bytes.as_slice(), position);
    let mut done = Vec::new();
    while !rest.is_empty() {
        let distance = i64::try_from(take_number(&mut rest)?).ok()?;
        let (fingerprint, after) = rest.split_first_chunk::<4>()?;
        rest = after;
        before = before.checked_add(distance)?;
        done.push(DoneRecord {
            offset: before,
            fingerprint: u32::from_le_bytes(*fingerprint),
        });
    }
    Some(done)
}

/// Appends a number, seven bits in a byte, the lowest first; all but the last byte have their highest bit set.
fn push_number(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            bytes.push(low & 0x7f);
            return;
        }
        bytes.push(low | 0x80);
    }
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// CRC-32 as in Ethernet and zip.
fn checksum(position: i64, bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in position.to_le_bytes().iter().chain(bytes) {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            let is_odd = sum & 1 == 1;
            sum = (sum >> 1) ^ if is_odd { 0xEDB8_8320 } else { 0 };
        }
    }
    !sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(offsets: &[i64]) -> Vec<DoneRecord> {
        let each = offsets.iter().map(|&offset| DoneRecord {
            offset,
            fingerprint: u32::try_from(offset & 0xffff).expect("it is small") * 0x1_0001,
        });
        each.collect()
    }

    #[test]
    fn records_survive_the_round_trip() {
        for (position, offsets) in [
            (0, &[][..]),
            (0, &[0, 1, 2]),
            (7, &[9, 200, 201, 70_000]),
            (0, &[i64::MAX]),
            (i64::MAX - 1, &[i64::MAX]),
        ] {
            let done = done(offsets);
            let text = encode(position, &done).expect("it fits");
            assert!(text.is_ascii() && text.len() <= MAX_BYTES);
            assert_eq!(decode(position, &text), Some(done), "{text}");
        }
    }

    #[test]
    fn metadata_of_another_position_is_not_understood() {
        let text = encode(7, &done(&[9, 11])).expect("it fits");
        assert_eq!(decode(6, &text), None);
    }

    #[test]
    fn any_damage_is_noticed() {
        let text = encode(7, &done(&[9, 11, 300])).expect("it fits");
        for index in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let damaged = String::from_utf8(bytes).expect("ASCII");
            assert_eq!(decode(7, &damaged), None, "{damaged}");
            assert_eq!(decode(7, &text[..index]).filter(|it| !it.is_empty()), None);
        }
        for other in [
            "lb2.AAAAAAA.00000000",
            "some other client",
            "lb1..00000000",
            ".",
        ] {
            assert_eq!(decode(7, other), None, "{other}");
        }
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let most: Vec<i64> = (0..523).map(|it| it * 2).collect();
        assert!(encode(0, &done(&most)).is_some());
        let too_many: Vec<i64> = (0..530).map(|it| it * 2).collect();
        assert_eq!(encode(0, &done(&too_many)), None);
        let far_too_many: Vec<i64> = (0..100_000).collect();
        assert_eq!(encode(0, &done(&far_too_many)), None);
    }

    #[test]
    fn checksum_is_the_known_one() {
        // Of the eight bytes of the position, then "9".
        assert_eq!(
            checksum(i64::from_le_bytes(*b"12345678"), b"9"),
            0xCBF4_3926
        );
    }
}

//! The format of a pack.

use std::collections::BTreeMap;
use std::fmt;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode, percent_encode};
use sha1::{Digest as _, Sha1};

/// A set of inputs, and how it is written as text.
///
/// A pack is ASCII text with one line for each input: its name, a space, its bytes, and a line feed. The name is the SHA-1 of the
/// bytes in lower-case hexadecimal, which is also what libFuzzer calls the file of an input. The bytes are percent-encoded
/// ([RFC 3986], upper-case digits): `%`, and every byte that is not a visible character of ASCII. The lines are sorted, and no two
/// are equal. There is nothing else: no header, no comments, no empty lines. So equal sets have equal packs, byte for byte, and
/// `LC_ALL=C sort -u` merges packs.
///
/// ```text
/// dd0f3740afa76272612007f4d4ae30dd3b149197 abc%0Ad%FF
/// ```
///
/// [RFC 3986]: https://www.rfc-editor.org/rfc/rfc3986#section-2.1
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pack {
    inputs: BTreeMap<String, Vec<u8>>,
}

impl Pack {
    /// Reads a pack.
    ///
    /// # Errors
    ///
    /// The first line that this type would not have written.
    pub fn parse(text: &[u8]) -> Result<Self, Damage> {
        let mut inputs = BTreeMap::new();
        for (index, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let damage = |fault| Damage {
                line: index + 1,
                fault,
            };
            let (name, input) = parse_line(line).map_err(damage)?;
            if let Some((last, _)) = inputs.last_key_value()
                && *last >= name
            {
                return Err(damage(Fault::Unsorted));
            }
            inputs.insert(name, input);
        }
        Ok(Self { inputs })
    }

    /// Returns the inputs with their names, in the order of the lines.
    pub fn inputs(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.inputs
            .iter()
            .map(|(name, input)| (name.as_str(), input.as_slice()))
    }

    /// Returns the number of inputs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inputs.len()
    }

    /// Returns whether there is no input.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty()
    }
}

impl FromIterator<Vec<u8>> for Pack {
    fn from_iter<I: IntoIterator<Item = Vec<u8>>>(inputs: I) -> Self {
        let inputs = inputs.into_iter().map(|input| (name(&input), input));
        Self {
            inputs: inputs.collect(),
        }
    }
}

impl fmt::Display for Pack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inputs()
            .try_for_each(|(name, input)| writeln!(f, "{name} {}", percent_encode(input, ENCODED)))
    }
}

/// Why a pack cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct Damage {
    /// The number of the line. The first has number 1.
    pub line: usize,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a line of a pack.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The file ends within the line.
    #[error("the line feed at its end is missing")]
    Cut,
    /// Name and bytes cannot be separated.
    #[error("the space between name and bytes is missing")]
    NoSpace,
    /// The bytes are encoded in another way than in a pack.
    #[error("the percent-encoding is wrong from column {column} on")]
    Encoding {
        /// The number of the first byte of the line that is wrong. The first has number 1.
        column: usize,
    },
    /// The name belongs to other bytes.
    #[error("the name is not the SHA-1 of the bytes, {sha1}")]
    Name {
        /// The name of the bytes in the line.
        sha1: String,
    },
    /// The line is not in order, or is a repetition.
    #[error("the name does not come after the name of the line before")]
    Unsorted,
}

const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

fn parse_line(line: &[u8]) -> Result<(String, Vec<u8>), Fault> {
    let line = line.strip_suffix(b"\n").ok_or(Fault::Cut)?;
    let space = line.iter().position(|byte| *byte == b' ');
    let start = space.ok_or(Fault::NoSpace)? + 1;
    let encoded = &line[start..];
    let input: Vec<u8> = percent_decode(encoded).collect();
    // The decoder takes anything, so what it took is encoded again.
    let again = percent_encode(&input, ENCODED).to_string();
    if encoded != again.as_bytes() {
        let pairs = encoded.iter().zip(again.as_bytes());
        let column = start + pairs.take_while(|(is, expected)| is == expected).count() + 1;
        return Err(Fault::Encoding { column });
    }
    let sha1 = name(&input);
    if &line[..start - 1] != sha1.as_bytes() {
        return Err(Fault::Name { sha1 });
    }
    Ok((sha1, input))
}

fn name(input: &[u8]) -> String {
    let digest = Sha1::digest(input);
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 0xF]);
    digits
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    const ABC: &str = "dd0f3740afa76272612007f4d4ae30dd3b149197 abc%0Ad%FF\n";
    const EMPTY: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80709 \n";

    fn inputs() -> impl Strategy<Value = Vec<Vec<u8>>> {
        // Few values, so that some inputs are equal; all values, so that each byte is encoded.
        let input = prop_oneof![vec(0..2_u8, 0..3), vec(any::<u8>(), 0..40)];
        vec(input, 1..20)
    }

    #[derive(Debug, Clone)]
    enum Change {
        Replace(u8),
        Insert(u8),
        Remove,
    }

    fn change() -> impl Strategy<Value = Change> {
        // Random bytes alone would rarely be characters of a pack, and rarely separators.
        let byte = || prop_oneof![any::<u8>(), 32..127_u8, Just(b'\n'), Just(b' '), Just(b'%')];
        prop_oneof![
            byte().prop_map(Change::Replace),
            byte().prop_map(Change::Insert),
            Just(Change::Remove),
        ]
    }

    proptest! {
        #[test]
        fn pack_round_trips(inputs in inputs()) {
            let pack = Pack::from_iter(inputs.clone());
            let text = pack.to_string();
            prop_assert!(text.is_ascii());
            let read = Pack::parse(text.as_bytes()).expect("it was just written");
            prop_assert_eq!(&read, &pack);
            prop_assert_eq!(read.to_string(), text);
            for input in &inputs {
                prop_assert_eq!(read.inputs().filter(|(_, it)| it == input).count(), 1);
            }
            prop_assert!(read.inputs().all(|(_, it)| inputs.iter().any(|input| input == it)));
        }

        #[test]
        fn order_and_repetition_of_inputs_do_not_change_a_pack(
            (inputs, shuffled) in inputs().prop_flat_map(|inputs| {
                let repeated = [inputs.clone(), inputs.clone()].concat();
                (Just(inputs), Just(repeated).prop_shuffle())
            }),
        ) {
            let [one, other] = [inputs, shuffled].map(|it| Pack::from_iter(it).to_string());
            prop_assert_eq!(one, other);
        }

        #[test]
        fn pack_with_one_wrong_byte_is_refused(
            inputs in inputs(),
            index in any::<Index>(),
            change in change(),
        ) {
            let text = Pack::from_iter(inputs).to_string().into_bytes();
            let mut damaged = text.clone();
            let index = index.index(text.len());
            match change {
                Change::Replace(byte) => damaged[index] = byte,
                Change::Insert(byte) => damaged.insert(index, byte),
                Change::Remove => _ = damaged.remove(index),
            }
            prop_assume!(damaged != text);
            let pairs = damaged.iter().zip(&text);
            let right = pairs.take_while(|(is, was)| is == was).map(|(is, _)| is);
            let line = 1 + right.filter(|byte| **byte == b'\n').count();
            let damage = Pack::parse(&damaged).expect_err("one byte is wrong");
            prop_assert_eq!(damage.line, line, "{}", damage);
        }
    }

    fn refused(text: &str, expected: &str) {
        let damage = Pack::parse(text.as_bytes()).expect_err("it is damaged");
        assert_eq!(damage.to_string(), expected);
    }

    #[test]
    fn format_matches_its_documentation() {
        let pack = Pack::from_iter([b"abc\nd\xFF".to_vec(), Vec::new()]);
        assert_eq!(pack.to_string(), format!("{EMPTY}{ABC}"));
    }

    #[test]
    fn line_without_line_feed_is_refused() {
        refused(
            &format!("{EMPTY}{}", ABC.trim_end_matches('\n')),
            "line 2: the line feed at its end is missing",
        );
    }

    #[test]
    fn line_without_space_is_refused() {
        let expected = "line 2: the space between name and bytes is missing";
        refused(&format!("{EMPTY}\n{ABC}"), expected);
        refused(&format!("{EMPTY}=======\n{ABC}"), expected);
    }

    #[test]
    fn bytes_in_another_encoding_are_refused() {
        for (from, to, column) in [
            ("%0A", "%0a", 47),
            ("%0A", "%", 46),
            ("%FF", "\u{FF}", 49),
            ("%FF\n", "%FF\r\n", 52),
            ("abc", "%61bc", 42),
            ("abc", "a c", 43),
        ] {
            refused(
                &ABC.replace(from, to),
                &format!("line 1: the percent-encoding is wrong from column {column} on"),
            );
        }
    }

    #[test]
    fn name_of_other_bytes_is_refused() {
        refused(
            &ABC.replace("abc%0Ad%FF", ""),
            "line 1: the name is not the SHA-1 of the bytes, da39a3ee5e6b4b0d3255bfef95601890afd80709",
        );
    }

    #[test]
    fn unsorted_and_repeated_lines_are_refused() {
        let expected = "line 2: the name does not come after the name of the line before";
        refused(&format!("{ABC}{EMPTY}"), expected);
        refused(&format!("{ABC}{ABC}"), expected);
    }
}

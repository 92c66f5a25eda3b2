//! What names an operation or a handler.

/// Names one operation of one supervisor. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OpId(pub(crate) u64);

impl OpId {
    /// The number behind it, for logs and recordings: 1, 2, 3 in the order in which the operations began.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The id with this number, for recordings that are read back.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }
}

/// A handler's place in [`Settings::handlers`](crate::Settings::handlers), from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HandlerId(pub(crate) u16);

impl HandlerId {
    /// The place as an index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The handler at this place, for recordings that are read back; `None` beyond 65,535.
    #[must_use]
    pub fn from_index(index: usize) -> Option<Self> {
        u16::try_from(index).ok().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::HandlerId;

    #[test]
    fn a_place_leads_there_and_back() {
        for index in [0, 1, 65_535] {
            let place = HandlerId::from_index(index);
            assert_eq!(place.map(HandlerId::index), Some(index));
        }
        assert_eq!(HandlerId::from_index(65_536), None);
    }
}

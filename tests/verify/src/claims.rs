//! Lists of claims: a name, an id and a sentence for each; and of the situations in which they mean something.

/// Declares the claims about one machine.
macro_rules! claims {
    ($(#[$doc:meta])* $($name:ident $id:literal $sentence:literal)*) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Claim {
            $(#[doc = $sentence] $name,)*
        }

        impl Claim {
            /// Every claim, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Returns its id: the number of a property or a rule, or one word.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self {
                    $(Self::$name => $id,)*
                }
            }

            /// Returns its sentence.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self {
                    $(Self::$name => $sentence,)*
                }
            }
        }

        impl std::fmt::Display for Claim {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}: {}", self.id(), self.sentence())
            }
        }

        impl std::error::Error for Claim {}
    };
}

/// Declares the situations of the checkers of one machine, and the set of those that were reached.
macro_rules! situations {
    ($($name:ident $sentence:literal)*) => {
        /// A situation in which a claim means something. A search that reaches none proves nothing.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Situation {
            $(#[doc = $sentence] $name,)*
        }

        impl Situation {
            /// Every situation.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
        }

        /// The situations that were reached.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Coverage(u64);

        impl Coverage {
            /// Notes a situation.
            pub const fn note(&mut self, situation: Situation) {
                self.0 |= 1 << situation as u64;
            }

            /// Notes a situation, if it is one.
            pub const fn note_if(&mut self, is: bool, situation: Situation) {
                if is {
                    self.note(situation);
                }
            }

            /// Adds what another search reached.
            pub const fn merge(&mut self, other: Self) {
                self.0 |= other.0;
            }

            /// Returns the situations that were not reached.
            #[must_use]
            pub fn missing(self) -> Vec<Situation> {
                let all = Situation::ALL.iter().copied();
                all.filter(|situation| self.0 & 1 << *situation as u64 == 0)
                    .collect()
            }
        }
    };
}

pub(crate) use {claims, situations};

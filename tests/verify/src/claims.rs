//! Lists of claims: a name, an id and a sentence for each.

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

pub(crate) use claims;

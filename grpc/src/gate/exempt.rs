//! What a gate lets through also while the process is not ready.

/// Exempt without being named.
const ALWAYS: [&str; 3] = [
    "/grpc.health.v1.Health/",
    "/grpc.reflection.v1.ServerReflection/",
    "/grpc.reflection.v1alpha.ServerReflection/",
];

/// The services and methods that are exempt.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exempt {
    /// A path; or, if it ends with a slash, the beginning of paths.
    paths: Vec<String>,
}

/// The error when a text is neither a service nor a method.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot exempt {0:?} from the gate: write a service as `orders.v1.Orders`, and a method as `/orders.v1.Orders/Ping`"
)]
pub struct ExemptError(String);

impl Exempt {
    pub(crate) fn add(&mut self, text: &str) -> Result<(), ExemptError> {
        let name = text.strip_prefix('/').unwrap_or(text);
        let is_name = |it: &str| {
            !it.is_empty()
                && it
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "._".contains(c))
        };
        let path = match name.split_once('/') {
            None if is_name(name) => format!("/{name}/"),
            Some((service, "")) if is_name(service) => format!("/{name}"),
            Some((service, method)) if is_name(service) && is_name(method) => format!("/{name}"),
            Some(_) | None => return Err(ExemptError(text.to_owned())),
        };
        self.paths.push(path);
        Ok(())
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        let own = self.paths.iter().map(String::as_str);
        let mut all = ALWAYS.into_iter().chain(own);
        all.any(|it| path == it || it.ends_with('/') && path.starts_with(it))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_exempt_with_all_its_methods_and_a_method_alone() {
        let mut exempt = Exempt::default();
        for text in ["a.A", "/b.B/", "/c.C/One", "d.D/One"] {
            exempt.add(text).expect(text);
        }
        for path in [
            "/a.A/X",
            "/b.B/Y",
            "/c.C/One",
            "/d.D/One",
            "/grpc.health.v1.Health/Check",
        ] {
            assert!(exempt.has(path), "{path}");
        }
        for path in [
            "/a.AB/X",
            "/a.A",
            "/c.C/Two",
            "/c.C/OneMore",
            "/d.D/",
            "/",
            "",
            "/x/a.A/X",
        ] {
            assert!(!exempt.has(path), "{path}");
        }
    }

    #[test]
    fn what_would_never_match_is_rejected_with_a_remedy() {
        for text in [
            "",
            "/",
            "//",
            "a.A/*",
            "a.A/B/C",
            " a.A",
            "a A",
            "https://a",
        ] {
            let error = Exempt::default().add(text).expect_err(text);
            assert!(error.to_string().contains(&format!("{text:?}")));
            assert!(error.to_string().contains("orders.v1.Orders"));
        }
    }
}

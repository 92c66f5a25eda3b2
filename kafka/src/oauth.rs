//! Tokens for SASL/OAUTHBEARER: where they come from, and those without a signature for tests.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rdkafka::client::OAuthToken;
use serde_json::{Map, Value, json};

/// A token for SASL/OAUTHBEARER, from a provider: see [`KafkaConfig::oauth_tokens`](crate::KafkaConfig::oauth_tokens).
#[derive(Clone, PartialEq, Eq)]
pub struct OauthToken {
    /// The token itself, as the broker expects it; usually a JWT. It is a secret.
    pub token: String,
    /// The principal that the token is for. Kafka takes its own from the token.
    pub principal: String,
    /// When it expires. librdkafka requests the next one after four fifths of the time until then.
    pub expires: SystemTime,
}

/// What a provider of tokens returns when there is none. Its text reaches the person on call: it must hold no secret.
pub type OauthError = Box<dyn Error + Send + Sync>;

/// Where the tokens come from.
#[derive(Clone, Default)]
pub(crate) struct Tokens(Option<Arc<Provider>>);

type Provider = dyn Fn() -> Result<OauthToken, OauthError> + Send + Sync;

impl Tokens {
    pub(crate) fn from_provider(
        provider: impl Fn() -> Result<OauthToken, OauthError> + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Arc::new(provider)))
    }

    /// Returns a token. Without a provider it has no signature, and is made from `config`, the value of `sasl.oauthbearer.config`.
    pub(crate) fn make(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        let token = match &self.0 {
            Some(provider) => provider().map_err(|error| -> Box<dyn Error> { error })?,
            None => unsecured(config.unwrap_or_default(), SystemTime::now())?,
        };
        let expires = since_epoch(token.expires).as_millis();
        Ok(OAuthToken {
            token: token.token,
            principal_name: token.principal,
            lifetime_ms: i64::try_from(expires).unwrap_or(i64::MAX),
        })
    }

    pub(crate) const fn has_provider(&self) -> bool {
        self.0.is_some()
    }
}

/// Why no token without a signature can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum UnsecuredError {
    #[error("`sasl.oauthbearer.config`: name a principal: `principal=NAME`")]
    NoPrincipal,
    #[error(
        "`sasl.oauthbearer.config`: `{0}` is unknown; expected principal, principalClaimName, scope, scopeClaimName or lifeSeconds"
    )]
    Unknown(String),
    #[error(
        "`sasl.oauthbearer.config`: `lifeSeconds={0}`: expected a whole number of seconds from 1"
    )]
    Life(String),
}

/// Makes a token without a signature, which only a broker that is set up for tests accepts. `config` has the form of librdkafka's
/// own: `principal=admin scope=a,b lifeSeconds=60`.
fn unsecured(config: &str, now: SystemTime) -> Result<OauthToken, UnsecuredError> {
    let mut given = BTreeMap::new();
    for part in config.split_whitespace() {
        match part.split_once('=') {
            Some((
                key @ ("principal" | "principalClaimName" | "scope" | "scopeClaimName"
                | "lifeSeconds"),
                value,
            )) => given.insert(key, value),
            Some((key, _)) => return Err(UnsecuredError::Unknown(key.to_owned())),
            None => return Err(UnsecuredError::Unknown(part.to_owned())),
        };
    }
    let principal = *given.get("principal").ok_or(UnsecuredError::NoPrincipal)?;
    let life = given.get("lifeSeconds").copied().unwrap_or("3600");
    let seconds = life.parse().ok().filter(|seconds| *seconds > 0);
    let seconds: u32 = seconds.ok_or_else(|| UnsecuredError::Life(life.to_owned()))?;
    let expires = now + Duration::from_secs(seconds.into());
    let claim = |key: &str, default: &str| given.get(key).map_or(default, |it| *it).to_owned();
    let mut claims = Map::new();
    claims.insert(claim("principalClaimName", "sub"), json!(principal));
    claims.insert("iat".to_owned(), json!(since_epoch(now).as_secs()));
    claims.insert("exp".to_owned(), json!(since_epoch(expires).as_secs()));
    if let Some(scope) = given.get("scope") {
        let scopes: Vec<&str> = scope.split(',').collect();
        claims.insert(claim("scopeClaimName", "scope"), json!(scopes));
    }
    let encode = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let (header, claims) = (
        encode(json!({"alg": "none"})),
        encode(Value::Object(claims)),
    );
    Ok(OauthToken {
        token: format!("{header}.{claims}."),
        principal: principal.to_owned(),
        expires,
    })
}

fn since_epoch(at: SystemTime) -> Duration {
    at.duration_since(UNIX_EPOCH).unwrap_or_default()
}

impl fmt::Debug for OauthToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OauthToken")
            .field("principal", &self.principal)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = if self.has_provider() {
            "a provider"
        } else {
            "none"
        };
        f.debug_tuple("Tokens").field(&source).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Wednesday in 2026.
    const NOW: Duration = Duration::from_secs(1_790_000_000);

    fn claims(token: &OauthToken) -> Value {
        let mut parts = token.token.split('.');
        let header = parts.next().expect("a header");
        let claims = parts.next().expect("claims");
        assert_eq!(parts.next(), Some(""), "no signature");
        assert_eq!(decode(header), json!({"alg": "none"}));
        decode(claims)
    }

    fn decode(part: &str) -> Value {
        let bytes = URL_SAFE_NO_PAD.decode(part).expect("base64");
        serde_json::from_slice(&bytes).expect("JSON")
    }

    #[test]
    fn an_unsecured_token_has_the_claims_of_its_config() {
        let token = unsecured("principal=admin scope=a,b lifeSeconds=20", UNIX_EPOCH + NOW);
        let token = token.expect("a valid config");
        let expected = json!({"sub": "admin", "iat": 1_790_000_000, "exp": 1_790_000_020, "scope": ["a", "b"]});
        assert_eq!(claims(&token), expected);
        assert_eq!(token.expires, UNIX_EPOCH + NOW + Duration::from_secs(20));
        let renamed = "principal=admin principalClaimName=user scope=a scopeClaimName=s";
        let token = unsecured(renamed, UNIX_EPOCH + NOW).expect("a valid config");
        let expected =
            json!({"user": "admin", "iat": 1_790_000_000, "exp": 1_790_003_600, "s": ["a"]});
        assert_eq!(claims(&token), expected);
    }

    #[test]
    fn a_wrong_config_of_unsecured_tokens_is_refused_with_the_remedy() {
        for (config, error) in [
            ("", UnsecuredError::NoPrincipal),
            ("principal", UnsecuredError::Unknown("principal".to_owned())),
            (
                "principal=a life=2",
                UnsecuredError::Unknown("life".to_owned()),
            ),
            (
                "principal=a lifeSeconds=0",
                UnsecuredError::Life("0".to_owned()),
            ),
            (
                "principal=a lifeSeconds=1s",
                UnsecuredError::Life("1s".to_owned()),
            ),
        ] {
            assert_eq!(unsecured(config, UNIX_EPOCH + NOW), Err(error), "{config}");
        }
    }

    #[test]
    fn a_provider_is_asked_each_time_and_its_error_is_passed_on() {
        let tokens = Tokens::from_provider(|| {
            Ok(OauthToken {
                token: "secret".to_owned(),
                principal: "orders".to_owned(),
                expires: UNIX_EPOCH + NOW,
            })
        });
        let token = tokens.make(None).expect("a token");
        assert_eq!(token.lifetime_ms, 1_790_000_000_000);
        assert_eq!(
            (&*token.token, &*token.principal_name),
            ("secret", "orders")
        );
        let none = Tokens::from_provider(|| Err("the vault is sealed".into()));
        assert_eq!(
            none.make(None).err().expect("an error").to_string(),
            "the vault is sealed"
        );
    }

    #[test]
    fn a_token_is_never_shown() {
        let token = unsecured("principal=admin", UNIX_EPOCH + NOW).expect("a valid config");
        assert!(!format!("{token:?}").contains(&token.token));
    }

    #[test]
    fn debug_shows_whose_token_it_is_and_where_tokens_come_from() {
        let token = unsecured("principal=admin", UNIX_EPOCH + NOW).expect("a valid config");
        assert!(format!("{token:?}").contains("admin"));
        assert_eq!(format!("{:?}", Tokens::default()), "Tokens(\"none\")");
        let provided = Tokens::from_provider(|| Err("none".into()));
        assert_eq!(format!("{provided:?}"), "Tokens(\"a provider\")");
    }
}

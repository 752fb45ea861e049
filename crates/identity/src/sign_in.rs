//! A person who signs in with a provider: OpenID Connect's code flow with PKCE (OpenID Connect Core 1.0, RFC 7636, and the
//! advice of RFC 9700).

use std::{fmt, time::Duration};

use aws_lc_rs::digest;
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;
use supercargo_types::Random;
use supercargo_upstream::Document;
use url::{Url, form_urlencoded};

use crate::{
    Callback, IssuerFailed, IssuerUrl, Issuers, Pending, Person, TokenRejected,
    discovery::{Asking, Endpoints},
    jwt::{Claims, Unproven},
    keys::Algorithm,
    shown::Shown,
};

/// How long a person may take to sign in with the provider. Until then, whoever finds what was begun may end it.
const PATIENCE: Duration = Duration::from_mins(10);
/// In characters: OpenID Connect Core 1.0, section 2, lets a subject have no more.
const SUBJECT: usize = 255;

/// Whom people sign in with.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its issuer.
    pub issuer: IssuerUrl,
    /// What it calls us.
    pub client_id: String,
    /// What we prove to it with that it is us; none where it takes PKCE for enough.
    pub client_secret: Option<ClientSecret>,
    /// What is asked for beside `openid`, `email` and `profile`, such as `groups`.
    pub scopes: Vec<String>,
    /// The claim with a person's groups: `groups`, `https://acme.example/roles`, or a path of names such as
    /// `/realm_access/roles`.
    pub groups_claim: Option<String>,
}

/// A client's secret, which no log shows.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientSecret(String);

/// Nobody is signed in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignInFailed {
    /// The browser brings no sign-in of ours back: a link that somebody sent, an old tab, a lost cookie. An attacker's own
    /// answer in a victim's browser would sign the victim in as the attacker.
    #[error("this is not the answer to a sign-in that was begun in this browser; sign in again")]
    State,
    /// Begun too long ago.
    #[error("the sign-in took longer than {} minutes; sign in again", PATIENCE.as_secs() / 60)]
    TooLate,
    /// The answer came from another provider than the person was sent to (RFC 9207).
    #[error("the answer is from another provider than the sign-in was begun with; sign in again")]
    OtherProvider,
    /// Longer than any answer, or without what one has.
    #[error("the provider's answer makes no sense; sign in again")]
    Answer,
    /// What the provider says, in its words.
    #[error("the provider refuses: `{}`{}", Shown(.error), in_brackets(.description.as_deref()))]
    Refused {
        /// A word of RFC 6749, such as `access_denied`.
        error: String,
        /// What it says besides.
        description: Option<String>,
    },
    /// Its ID token proves nothing.
    #[error("the provider's ID token is not believed: {0}")]
    IdToken(#[source] TokenRejected),
    /// Made for another sign-in.
    #[error("the provider's ID token was made for another sign-in; sign in again")]
    Nonce,
    /// Made for another program (`aud`, `azp`).
    #[error("the provider's ID token was made for another client than this one")]
    OtherClient,
    /// The access token beside it belongs to somebody else's.
    #[error("the provider's access token does not belong to its ID token")]
    AccessToken,
    /// What it says about the person is about another one.
    #[error("the provider's `userinfo` is about somebody else than its ID token")]
    OtherPerson,
    /// It cannot be asked.
    #[error(transparent)]
    Provider(#[from] IssuerFailed),
}

fn in_brackets(text: Option<&str>) -> String {
    text.map(|text| format!(" ({})", Shown(text)))
        .unwrap_or_default()
}

#[derive(Deserialize)]
struct Tokens {
    id_token: Option<String>,
    access_token: Option<String>,
    token_type: Option<String>,
}

#[derive(Deserialize)]
struct TokenError {
    error: String,
    error_description: Option<String>,
}

impl Issuers {
    /// Where a person's browser is sent to sign in, and what is kept until it is back.
    ///
    /// `redirect_uri` is where it comes back to: an address of this server, as the provider was told.
    ///
    /// # Errors
    /// When the provider cannot be asked, or signs nobody in.
    pub async fn begin(
        &self,
        provider: &Provider,
        redirect_uri: &str,
    ) -> Result<(Url, Pending), IssuerFailed> {
        let issuer = &provider.issuer;
        let known = self.known(issuer, None).await?;
        let endpoint = known.endpoints.authorization.as_deref();
        let asking = self.asking(issuer);
        let mut url = asking.needed("authorization_endpoint", endpoint)?;
        let pending = Pending {
            issuer: issuer.clone(),
            redirect_uri: redirect_uri.to_owned(),
            state: secret(self.random()),
            nonce: secret(self.random()),
            verifier: secret(self.random()),
            begun: self.now(),
        };
        let challenge = digest::digest(&digest::SHA256, pending.verifier.as_bytes());
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &provider.client_id)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("scope", &provider.scope())
            .append_pair("state", &pending.state)
            .append_pair("nonce", &pending.nonce)
            .append_pair("code_challenge", &BASE64_URL_SAFE_NO_PAD.encode(challenge))
            .append_pair("code_challenge_method", "S256");
        Ok((url, pending))
    }

    /// Who came back.
    ///
    /// # Errors
    /// Why nobody is signed in; [`SignInFailed::Provider`] when nobody but the provider can mend it.
    pub async fn finish(
        &self,
        provider: &Provider,
        pending: Pending,
        callback: Callback,
    ) -> Result<Person, SignInFailed> {
        if provider.issuer != pending.issuer {
            return Err(SignInFailed::OtherProvider);
        }
        let code = self.returned(&pending, callback).await?;
        let known = self.known(&provider.issuer, None).await?;
        let asking = self.asking(&provider.issuer);
        let tokens = exchange(&asking, &known.endpoints, provider, &pending, &code).await?;
        let id_token = tokens.id_token.as_deref();
        let id_token = id_token.ok_or_else(|| asking.garbled("there is no `id_token` in it"))?;
        let (claims, algorithm) = self.id_token(provider, id_token).await?;
        let nonce = claims.text("nonce").unwrap_or_default();
        if !is_same(nonce, &pending.nonce) {
            return Err(SignInFailed::Nonce);
        }
        if let Some(hash) = claims.text("at_hash")
            && let Some(token) = &tokens.access_token
            && !is_same(hash, &half_hash(algorithm, token))
        {
            return Err(SignInFailed::AccessToken);
        }
        let info = userinfo(&asking, &known.endpoints, provider, &claims, &tokens).await?;
        Ok(provider.person(&claims, info.as_ref()))
    }

    /// Where a person's browser is sent to sign out with the provider too; `None` where that cannot be. It comes back to
    /// `return_to`, if the provider was told that address.
    ///
    /// # Errors
    /// When the provider cannot be asked.
    pub async fn sign_out(
        &self,
        provider: &Provider,
        return_to: &str,
    ) -> Result<Option<Url>, IssuerFailed> {
        let known = self.known(&provider.issuer, None).await?;
        let endpoint = known.endpoints.end_session.as_deref();
        let asking = self.asking(&provider.issuer);
        let mut url = asking.optional("end_session_endpoint", endpoint)?;
        if let Some(url) = &mut url {
            url.query_pairs_mut()
                .append_pair("client_id", &provider.client_id)
                .append_pair("post_logout_redirect_uri", return_to);
        }
        Ok(url)
    }

    /// The code, if this is the answer to what was begun.
    async fn returned(
        &self,
        pending: &Pending,
        callback: Callback,
    ) -> Result<String, SignInFailed> {
        // first of all: a stranger's answer must not even show its words
        if !is_same(&callback.state.unwrap_or_default(), &pending.state) {
            return Err(SignInFailed::State);
        }
        let now = self.now();
        if now < pending.begun || now.since(pending.begun) >= PATIENCE {
            return Err(SignInFailed::TooLate);
        }
        let known = self.known(&pending.issuer, None).await?;
        let is_from = |issuer: &str| issuer == pending.issuer.as_str();
        // mix-up: a bad provider passes a good one's code on to us as its own
        if !callback
            .issuer
            .as_deref()
            .map_or(!known.endpoints.names_itself, is_from)
        {
            return Err(SignInFailed::OtherProvider);
        }
        if let Some(error) = callback.error {
            let description = callback.description;
            return Err(SignInFailed::Refused { error, description });
        }
        callback
            .code
            .filter(|code| !code.is_empty())
            .ok_or(SignInFailed::Answer)
    }

    /// OpenID Connect Core 1.0, section 3.1.3.7.
    async fn id_token(
        &self,
        provider: &Provider,
        token: &str,
    ) -> Result<(Claims, Algorithm), SignInFailed> {
        let unproven = Unproven::parse(token).map_err(SignInFailed::IdToken)?;
        let algorithm = unproven.algorithm();
        let proven = self.prove(&provider.issuer, unproven).await;
        let claims = proven.map_err(|rejected| match rejected {
            TokenRejected::Unproven(failed) => SignInFailed::Provider(failed),
            rejected => SignInFailed::IdToken(rejected),
        })?;
        let times = claims.times(self.now());
        times.map_err(SignInFailed::IdToken)?;
        let subject = claims.required("sub").map_err(SignInFailed::IdToken)?;
        if subject.chars().count() > SUBJECT || subject.chars().any(char::is_control) {
            return Err(SignInFailed::IdToken(TokenRejected::Malformed));
        }
        let us = provider.client_id.as_str();
        let audiences = claims.audiences();
        let party = claims.text("azp");
        // one of several audiences might have got it for itself, and hand it on
        let is_alone = audiences.len() == 1 || party.is_some();
        if !audiences.contains(&us) || !is_alone || party.is_some_and(|party| party != us) {
            return Err(SignInFailed::OtherClient);
        }
        Ok((claims, algorithm))
    }
}

/// A code for tokens.
async fn exchange(
    asking: &Asking<'_>,
    endpoints: &Endpoints,
    provider: &Provider,
    pending: &Pending,
    code: &str,
) -> Result<Tokens, SignInFailed> {
    let url = asking.needed("token_endpoint", endpoints.token.as_deref())?;
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", &pending.redirect_uri),
        ("code_verifier", &pending.verifier),
    ];
    let mut authorization = None;
    match &provider.client_secret {
        None => form.push(("client_id", &provider.client_id)),
        Some(ClientSecret(secret)) if takes_basic(endpoints) => {
            authorization = Some(basic(&provider.client_id, secret));
        }
        Some(ClientSecret(secret)) => {
            form.push(("client_id", &provider.client_id));
            form.push(("client_secret", secret));
        }
    }
    let answer = asking.ask(&url, Some(&form), authorization).await?;
    if answer.status != StatusCode::OK {
        return Err(refusal(asking, &url, &answer));
    }
    serde_json::from_slice(&answer.bytes).map_err(|_| {
        asking
            .garbled("its `token_endpoint` does not send tokens")
            .into()
    })
}

/// The default of OpenID Connect Discovery 1.0, section 3, where a provider says nothing.
fn takes_basic(endpoints: &Endpoints) -> bool {
    let methods = endpoints.secret_methods.as_deref();
    let has = |method: &str| methods.is_some_and(|all| all.iter().any(|one| one == method));
    has("client_secret_basic") || !has("client_secret_post")
}

/// RFC 6749, section 2.3.1: each is encoded as in a form before they are put together.
fn basic(client_id: &str, secret: &str) -> HeaderValue {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(client_id), encode(secret));
    HeaderValue::from_str(&format!("Basic {}", BASE64_STANDARD.encode(pair)))
        .expect("invariant: base64 stands in headers")
}

/// What a token endpoint says is in its JSON (RFC 6749, section 5.2).
fn refusal(asking: &Asking<'_>, url: &Url, answer: &Document) -> SignInFailed {
    match serde_json::from_slice::<TokenError>(&answer.bytes) {
        Ok(said) => SignInFailed::Refused {
            error: said.error,
            description: said.error_description,
        },
        Err(_) => asking.unexpected(url, answer).into(),
    }
}

/// What the provider says besides, where the ID token lacks something and it can be asked.
async fn userinfo(
    asking: &Asking<'_>,
    endpoints: &Endpoints,
    provider: &Provider,
    claims: &Claims,
    tokens: &Tokens,
) -> Result<Option<Claims>, SignInFailed> {
    let is_bearer = |kind: &String| kind.eq_ignore_ascii_case("bearer");
    let token = tokens.access_token.as_deref();
    let token = token.filter(|_| tokens.token_type.as_ref().is_some_and(is_bearer));
    let lacks_groups = provider.groups(claims).is_none() && provider.groups_claim.is_some();
    let is_complete = claims.text("email").is_some() && !lacks_groups;
    let url = asking.optional("userinfo_endpoint", endpoints.userinfo.as_deref())?;
    let (Some(url), Some(token), false) = (url, token, is_complete) else {
        return Ok(None);
    };
    let authorization = HeaderValue::from_str(&format!("Bearer {token}"));
    let authorization =
        authorization.map_err(|_| asking.garbled("its access token cannot stand in a header"))?;
    let answer = asking.get(&url, Some(authorization)).await?;
    let info: Map<String, Value> = serde_json::from_slice(&answer.bytes)
        .map_err(|_| asking.garbled("its `userinfo_endpoint` does not send JSON"))?;
    let info = Claims::from(info);
    // OpenID Connect Core 1.0, 5.3.2: the access token may have been put in from somebody else's sign-in
    if info.text("sub") != claims.text("sub") {
        return Err(SignInFailed::OtherPerson);
    }
    Ok(Some(info))
}

impl Provider {
    fn scope(&self) -> String {
        let mut scopes = vec!["openid", "email", "profile"];
        for scope in &self.scopes {
            if !scopes.contains(&scope.as_str()) {
                scopes.push(scope);
            }
        }
        scopes.join(" ")
    }
}

/// 256 bits that nobody guesses, in 43 characters: what RFC 7636 demands of a verifier is enough for the others.
fn secret(random: &Random) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(random.bytes::<32>())
}

/// In a time that does not tell how much of it is right.
fn is_same(left: &str, right: &str) -> bool {
    left.as_bytes().ct_eq(right.as_bytes()).into()
}

/// OpenID Connect Core 1.0, section 3.1.3.6: the left half of a hash that goes with the signature's.
fn half_hash(algorithm: Algorithm, text: &str) -> String {
    let hash = match algorithm {
        Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Es256 => &digest::SHA256,
        Algorithm::Rs384 | Algorithm::Ps384 | Algorithm::Es384 => &digest::SHA384,
        Algorithm::Rs512 | Algorithm::Ps512 | Algorithm::EdDsa => &digest::SHA512,
    };
    let hash = digest::digest(hash, text.as_bytes());
    let (half, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
    BASE64_URL_SAFE_NO_PAD.encode(half)
}

impl From<String> for ClientSecret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use supercargo_types::Timestamp;

    use super::*;

    /// RFC 6749, 2.3.1; a secret with a colon or a percent sign in it is otherwise another one.
    #[test]
    fn a_secret_is_encoded_before_it_is_shown() {
        let pair = BASE64_STANDARD.encode("us%3Ahere:a%25b+c");
        let header = basic("us:here", "a%b c");
        assert_eq!(header.to_str().unwrap(), format!("Basic {pair}"));
    }

    /// The vector of OpenID Connect Core 1.0, appendix A.3.
    #[test]
    fn an_access_token_has_its_hash() {
        let hash = half_hash(
            Algorithm::Rs256,
            "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y",
        );
        assert_eq!(hash, "77QmUPtjPfzWtF2AnpK9RQ");
    }

    #[test]
    fn what_is_secret_is_not_shown_by_debug() {
        let pending = Pending {
            issuer: "https://id.acme.example".parse().unwrap(),
            redirect_uri: String::new(),
            state: "hunter2".to_owned(),
            nonce: "hunter2".to_owned(),
            verifier: "hunter2".to_owned(),
            begun: Timestamp::from_seconds(0),
        };
        let callback = Callback::from_query("code=hunter2&state=hunter2").unwrap();
        let secret = ClientSecret::from("hunter2".to_owned());
        let shown = format!("{pending:?} {callback:?} {secret:?}");
        assert!(shown.contains("id.acme.example"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

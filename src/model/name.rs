//! Names: what an operator calls things, and host names as DNS knows them.
//! A value of one of these types is well-formed; the refusal says why.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// Longest name of a route, group, origin, region or certificate (FD-A6).
pub const NAME_LEN_MAX: usize = 90;

/// Why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("a name has at least one character")]
    Empty,
    #[error("a name has at most {NAME_LEN_MAX} characters, this one has {0}")]
    TooLong(usize),
    #[error("a name has letters, digits and hyphens only, not {0:?}")]
    Character(char),
    #[error("a name starts and ends with a letter or digit")]
    Edge,
}

fn checked(text: &str) -> Result<&str, NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if let Some(odd) = text.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '-') {
        return Err(NameError::Character(odd));
    }
    if text.len() > NAME_LEN_MAX {
        return Err(NameError::TooLong(text.len()));
    }
    if text.starts_with('-') || text.ends_with('-') {
        return Err(NameError::Edge);
    }
    Ok(text)
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name, if `text` obeys FD-A6: letters, digits, hyphens, an alphanumeric at both ends, at most 90.
            ///
            /// # Errors
            /// [`NameError`] says which part of the rule is broken.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                checked(text).map(|t| Self(t.into()))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

names! {
    /// Name of a route.
    RouteName;
    /// Name of an origin group.
    GroupName;
    /// Name of an origin, unique in its group.
    OriginName;
    /// Name of a region.
    RegionName;
    /// Name of a certificate.
    CertificateName;
    /// Name of an endpoint: the label of a default domain.
    EndpointName;
}

/// Why a text is no host name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    #[error("a host name is not empty")]
    Empty,
    #[error("a host name has at most 253 characters, this one has {0}")]
    TooLong(usize),
    #[error("a label of a host name has 1 to 63 characters")]
    Label,
    #[error("a host name has letters, digits, hyphens, underscores and dots, not {0:?}")]
    Character(char),
    #[error("write the host alone, without a scheme, path or port")]
    NotAlone,
}

/// A DNS name in lower case without a trailing dot, or an IP literal (IPv6 without brackets).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct HostName(Arc<str>);

impl HostName {
    /// The host in lower case, without a trailing dot.
    ///
    /// # Errors
    /// [`HostError`] for anything that is neither a DNS name nor an IP literal.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
        if let Ok(ip) = bare.parse::<std::net::IpAddr>() {
            return Ok(Self(ip.to_string().into()));
        }
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.is_empty() {
            return Err(HostError::Empty);
        }
        if text.contains("://") || text.contains('/') || text.contains(':') {
            return Err(HostError::NotAlone);
        }
        if text.len() > 253 {
            return Err(HostError::TooLong(text.len()));
        }
        for label in text.split('.') {
            if label.is_empty() || label.len() > 63 {
                return Err(HostError::Label);
            }
            if let Some(odd) = label.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_')) {
                return Err(HostError::Character(odd));
            }
        }
        Ok(Self(text.to_ascii_lowercase().into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address, where the host is an IP literal.
    pub fn ip(&self) -> Option<std::net::IpAddr> {
        self.0.parse().ok()
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

//! The three URLs there are, all made from `api.base_url`.
//!
//! Nothing a server sent ever stands in one: a [`CustomerId`] is a parsed UUID.

use url::{Host, Url};

use super::answer::Filter;
use super::dialect::Asking;
use super::error::Error;
use crate::customer::CustomerId;

/// Makes URLs.
pub(super) struct Routes {
    /// Without a slash at its end.
    base: Url,
}

impl Routes {
    /// Refuses a base over which secrets must not be sent.
    pub(super) fn new(base: &Url) -> Result<Self, Error> {
        let secure = match base.scheme() {
            "https" => true,
            "http" => is_loopback(base),
            _ => false,
        };
        if !secure {
            return Err(Error::settings(
                "`api.base_url` must begin with https://; http:// is for loopback only",
            ));
        }
        let has_more = base.query().is_some() || base.fragment().is_some();
        if has_more || !base.username().is_empty() || base.password().is_some() {
            return Err(Error::settings(
                "`api.base_url` must hold no user, password, query or fragment",
            ));
        }
        let mut base = base.clone();
        let path = base.path().trim_end_matches('/').to_owned();
        base.set_path(&path);
        Ok(Self { base })
    }

    /// A page of the list.
    pub(super) fn list(&self, page: u32, size: u32, filter: &Filter, asking: Asking) -> Url {
        let mut url = self.below("admin/customers");
        let mut query = url.query_pairs_mut();
        query.append_pair("page", &page.to_string());
        for name in asking.size_parameters() {
            query.append_pair(name, &size.to_string());
        }
        if let Some(tier_name) = &filter.tier_name {
            query.append_pair("tierName", tier_name);
        }
        if let Some(status) = &filter.status {
            query.append_pair("status", status);
        }
        drop(query);
        url
    }

    /// One customer's details.
    pub(super) fn details(&self, id: CustomerId) -> Url {
        self.below(&format!("admin/customer/{id}"))
    }

    /// What the platform knows of the key pair; not below the base, but beside it.
    pub(super) fn key_pair(&self) -> Url {
        let mut url = self.base.clone();
        url.set_path("/api/auth/v2/keypair");
        url
    }

    fn below(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!(
            "{}/{path}",
            self.base.path().trim_end_matches('/')
        ));
        url
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(base: &str) -> Result<Routes, Error> {
        Routes::new(&base.parse().expect("a URL"))
    }

    #[test]
    fn secrets_go_over_https_or_loopback_only() {
        for base in [
            "https://apis.threatwinds.com/api/billing/v1",
            "http://127.0.0.1:8080/api",
            "http://127.9.9.9/api",
            "http://[::1]:8080/api",
            "http://localhost:8080/api",
        ] {
            assert!(routes(base).is_ok(), "refused: {base}");
        }
        for base in [
            "http://apis.threatwinds.com/api",
            "http://localhost.example.com/api",
            "http://10.0.0.1/api",
            "http://[::2]/api",
            "ftp://127.0.0.1/api",
            "https://user:pass@example.com/api",
            "https://example.com/api?key=1",
            "https://example.com/api#there",
        ] {
            assert!(routes(base).is_err(), "taken: {base}");
        }
    }

    #[test]
    fn urls_are_as_documented() {
        for base in [
            "https://host/api/billing/v1",
            "https://host/api/billing/v1/",
        ] {
            let routes = routes(base).expect("usable");
            let filter = Filter {
                tier_name: Some("Adversary Pro&x=1".to_owned()),
                status: Some("past_due".to_owned()),
            };
            assert_eq!(
                routes.list(3, 50, &filter, Asking::PageSize).as_str(),
                "https://host/api/billing/v1/admin/customers\
                 ?page=3&pageSize=50&tierName=Adversary+Pro%26x%3D1&status=past_due"
            );
            let id = "A1B2C3D4-5633-4b16-bbf0-5ca22ef8ea2e"
                .parse()
                .expect("an id");
            assert_eq!(
                routes.details(id).as_str(),
                "https://host/api/billing/v1/admin/customer/a1b2c3d4-5633-4b16-bbf0-5ca22ef8ea2e"
            );
            assert_eq!(
                routes.key_pair().as_str(),
                "https://host/api/auth/v2/keypair"
            );
        }
    }

    #[test]
    fn a_base_without_a_path_works() {
        let url =
            routes("https://host")
                .expect("usable")
                .list(1, 20, &Filter::default(), Asking::Limit);
        assert_eq!(url.as_str(), "https://host/admin/customers?page=1&limit=20");
    }
}

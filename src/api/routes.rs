//! The three URLs there are, all made from `api.base_url`.
//!
//! Nothing a server sent ever stands in one: a [`CustomerId`] is a parsed UUID.

use url::Url;

use super::dialect::Asking;
use crate::config::BaseUrl;
use crate::customer::CustomerId;

/// Makes URLs.
pub(super) struct Routes {
    list: Url,
    /// Each customer's name is the last segment of its own.
    details: Url,
    key_pair: Url,
}

impl Routes {
    pub(super) fn new(base: &BaseUrl) -> Self {
        let base = base.as_url();
        let at = |path: &str| {
            let mut url = base.clone();
            url.set_path(path);
            url
        };
        let below = base.path().trim_end_matches('/');
        Self {
            list: at(&format!("{below}/admin/customers")),
            details: at(&format!("{below}/admin/customer/")),
            key_pair: at("/api/auth/v2/keypair"),
        }
    }

    /// A page of the list.
    pub(super) fn list(&self, page: u32, size: u32, asking: Asking) -> Url {
        let mut url = self.list.clone();
        let mut query = url.query_pairs_mut();
        query.append_pair("page", &page.to_string());
        for name in asking.size_parameters() {
            query.append_pair(name, &size.to_string());
        }
        drop(query);
        url
    }

    /// One customer's details.
    pub(super) fn details(&self, id: CustomerId) -> Url {
        self.details
            .join(&id.to_string())
            .expect("a UUID is a relative URL")
    }

    /// What the platform knows of the key pair; not below the base, but beside it.
    pub(super) fn key_pair(&self) -> Url {
        self.key_pair.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_as_documented() {
        for base in [
            "https://host/api/billing/v1",
            "https://host/api/billing/v1/",
        ] {
            let routes = Routes::new(&base.parse().expect("a base URL"));
            assert_eq!(
                routes.list(3, 50, Asking::PageSize).as_str(),
                "https://host/api/billing/v1/admin/customers?page=3&pageSize=50"
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
        let routes = Routes::new(&"https://host".parse().expect("a base URL"));
        let url = routes.list(1, 20, Asking::Limit);
        assert_eq!(url.as_str(), "https://host/admin/customers?page=1&limit=20");
    }
}

//! Pages of a list: `limit`, `marker`, `sort_key`, `sort_dir`, and the link to the next page (wire
//! reference §6.1).
//!
//! Unlike upstream the link to the next page keeps every filter of the request.

use cupola_api::collection::Wording;
use cupola_api::fault::ApiFault;

use super::arguments::Arguments;

/// The part of a list that a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Paging {
    /// How many items at most; never 0.
    pub(super) limit: usize,
    /// The last item of the page before.
    pub(super) marker: Option<String>,
    /// What the list is sorted by; the order of creation when absent.
    pub(super) sort_key: Option<String>,
    /// Whether the order is reversed.
    pub(super) descending: bool,
    /// The other arguments, as they were given, for the link to the next page.
    kept: Vec<(String, String)>,
}

impl Paging {
    /// Takes the four arguments. `max` is the largest and the usual limit.
    pub(super) fn take(arguments: &mut Arguments, max: usize) -> Result<Self, ApiFault> {
        Self::take_worded(arguments, max, Wording::Plain)
    }

    /// The same; `direction` says how a wrong one is refused.
    pub(super) fn take_worded(
        arguments: &mut Arguments,
        max: usize,
        direction: Wording,
    ) -> Result<Self, ApiFault> {
        let kept = arguments
            .pairs()
            .iter()
            .filter(|(name, _)| name != "limit" && name != "marker")
            .cloned()
            .collect();
        let limit = match arguments.one("limit", "an integer")? {
            Some(text) => limit(&text, max)?,
            None => max,
        };
        let marker = arguments.text("marker")?;
        let sort_key = arguments.text("sort_key")?.filter(|key| !key.is_empty());
        let descending = match arguments.text("sort_dir")?.as_deref() {
            None | Some("asc") => false,
            Some("desc") => true,
            Some(other) => {
                return Err(ApiFault::bad_request(match direction {
                    Wording::Schema => {
                        format!("Schema error: '{other}' is not one of ['asc', 'desc']")
                    }
                    Wording::Plain => format!(
                        "Invalid sort direction: {other}. Acceptable values are 'asc' or 'desc'"
                    ),
                }));
            }
        };
        Ok(Self {
            limit,
            marker,
            sort_key,
            descending,
            kept,
        })
    }

    /// The link to the page after the one that ends with `last`; none when the page is not full.
    pub(super) fn next(&self, collection: &str, count: usize, last: &str) -> Option<String> {
        if count < self.limit {
            return None;
        }
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.kept);
        query.append_pair("limit", &self.limit.to_string());
        query.append_pair("marker", last);
        Some(format!("{collection}?{}", query.finish()))
    }

    /// Cuts a list that is in order to the page: what comes after the marker, at most the limit.
    /// `None` when the marker is unknown.
    pub(super) fn cut<T>(&self, mut items: Vec<T>, id: impl Fn(&T) -> String) -> Option<Vec<T>> {
        if let Some(marker) = &self.marker {
            let at = items.iter().position(|item| id(item) == *marker)?;
            items.drain(..=at);
        }
        items.truncate(self.limit);
        Some(items)
    }
}

fn limit(text: &str, max: usize) -> Result<usize, ApiFault> {
    let number: i128 = text
        .trim()
        .parse()
        .map_err(|_| ApiFault::bad_request(format!("Expected an integer for limit: {text}")))?;
    if number <= 0 {
        return Err(ApiFault::bad_request("Limit must be positive"));
    }
    Ok(usize::try_from(number).unwrap_or(max).min(max))
}

/// The refusal of a `sort_key` that is not a column, or that nothing can be sorted by.
pub(super) fn not_sortable(name: &str, is_field: bool) -> ApiFault {
    let shown = if is_field {
        name.to_owned()
    } else {
        format!("\"{name}\"")
    };
    ApiFault::bad_request(format!(
        "The sort_key value {shown} is an invalid field for sorting"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paging(query: &str) -> Result<Paging, String> {
        let mut arguments = Arguments::parse(Some(query));
        Paging::take(&mut arguments, 1000).map_err(|f| f.message)
    }

    #[test]
    fn limits() {
        assert_eq!(paging("").map(|p| p.limit), Ok(1000));
        assert_eq!(paging("limit=5").map(|p| p.limit), Ok(5));
        assert_eq!(paging("limit=5000").map(|p| p.limit), Ok(1000));
        assert_eq!(paging("limit=0"), Err("Limit must be positive".to_owned()));
        assert_eq!(paging("limit=-1"), Err("Limit must be positive".to_owned()));
        assert_eq!(
            paging("limit=abc"),
            Err("Expected an integer for limit: abc".to_owned())
        );
        assert!(paging("sort_dir=up").is_err());
    }

    #[test]
    fn the_next_link_is_there_when_the_page_is_full_and_keeps_the_filters() {
        let paging = paging("driver=ipmi&limit=2&marker=a").expect("good");
        assert_eq!(paging.next("http://h/v1/nodes", 1, "x"), None);
        assert_eq!(
            paging.next("http://h/v1/nodes", 2, "x").as_deref(),
            Some("http://h/v1/nodes?driver=ipmi&limit=2&marker=x")
        );
    }

    #[test]
    fn cuts_after_the_marker() {
        let id = |item: &i32| item.to_string();
        let page = paging("limit=2&marker=1").expect("good");
        assert_eq!(page.cut(vec![0, 1, 2, 3, 4], id), Some(vec![2, 3]));
        assert_eq!(page.cut(vec![5], id), None);
    }
}

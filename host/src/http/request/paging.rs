//! Pages of lists.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::error::ApiError;
use crate::http::request::body::Query;
use crate::http::shapes::page::Listed;

const MOST: usize = 100;
const USUAL: usize = 50;
/// Longest cursor, in characters.
const LONGEST_CURSOR: usize = 100;

/// The requested page: `?limit=` and `&cursor=`. An endpoint adds `params(PageQuery)` to its document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// 1 to 100.
    pub limit: usize,
    /// `next_cursor` of the previous page.
    pub cursor: Option<String>,
}

/// How a page is asked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Items on a page.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    #[param(max_length = 100)]
    cursor: Option<String>,
}

impl Page {
    /// Parses the cursor into the type from which the endpoint made it.
    ///
    /// # Errors
    /// `invalid_query`: the cursor is not one of this list.
    pub fn parse_cursor<T: std::str::FromStr>(&self) -> Result<Option<T>, ApiError> {
        let cursor = self.cursor.as_ref().map(|cursor| cursor.parse()).transpose();
        cursor.map_err(|_| ApiError::invalid_query("cursor is not a next_cursor of this list."))
    }

    /// Makes the page from up to one item more than its limit; the extra item shows that there is a next page. `cursor`
    /// makes `next_cursor` from the last item of the page.
    pub fn cut<I, T>(&self, mut found: Vec<I>, cursor: impl Fn(&I) -> String, show: impl Fn(I) -> T) -> Listed<T> {
        let has_more = found.len() > self.limit;
        found.truncate(self.limit);
        let next_cursor = found.last().filter(|_| has_more).map(cursor);
        Listed { items: found.into_iter().map(show).collect(), next_cursor }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Query(PageQuery { limit, cursor }) = Query::from_request_parts(parts, state).await?;
        let limit = limit.unwrap_or(USUAL);
        if !(1..=MOST).contains(&limit) {
            return Err(ApiError::invalid_query("limit is a number from 1 to 100."));
        }
        if cursor.as_ref().is_some_and(|cursor| cursor.len() > LONGEST_CURSOR) {
            return Err(ApiError::invalid_query("cursor is not a next_cursor of this list."));
        }
        Ok(Page { limit, cursor })
    }
}

//! What a module, a version or a capability is one of.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::manifest::{ModuleSource, SizeClass};

/// How much a module may be and use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(default = "small")]
#[serde(rename_all = "snake_case")]
pub(super) enum Class {
    #[default]
    Small,
    Large,
}

/// Where a module came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Source {
    Bundled,
    Configured,
    Uploaded,
}

/// Who grants a capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Granter {
    Creator,
    Operator,
    /// It needs no grant.
    Nobody,
}

impl From<Class> for SizeClass {
    fn from(class: Class) -> SizeClass {
        match class {
            Class::Small => SizeClass::Small,
            Class::Large => SizeClass::Large,
        }
    }
}

impl From<SizeClass> for Class {
    fn from(size: SizeClass) -> Class {
        match size {
            SizeClass::Small => Class::Small,
            SizeClass::Large => Class::Large,
        }
    }
}

impl From<ModuleSource> for Source {
    fn from(source: ModuleSource) -> Source {
        match source {
            ModuleSource::Bundled => Source::Bundled,
            ModuleSource::Configured => Source::Configured,
            ModuleSource::Uploaded => Source::Uploaded,
        }
    }
}

//! What modules are made of, and where they are kept.

use std::path::PathBuf;
use std::sync::Arc;

use super::compiler::{CompilerProgram, Uploader};
use crate::domain::manifest::SizeClass;
use crate::store::host::components::Components;

/// Where modules are kept, and what compiles those of strangers.
#[derive(Clone, Debug)]
pub struct Workshop {
    /// For machine code, which can be made anew. Made where it is not there, and closed to other users.
    pub cache_dir: PathBuf,
    pub components: Arc<Components>,
    pub compiler: CompilerProgram,
}

/// A component that a stranger brought.
#[derive(Clone)]
pub struct Upload {
    pub bytes: Vec<u8>,
    pub size: SizeClass,
    pub by: Uploader,
}

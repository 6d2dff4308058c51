//! The parts that compile modules and keep them.

use std::path::PathBuf;
use std::sync::Arc;

use super::compiler::{CompilerProgram, Uploader};
use crate::domain::manifest::SizeClass;
use crate::store::host::components::Components;

/// Where modules are kept, and which program compiles uploads.
#[derive(Clone, Debug)]
pub struct CompileParts {
    /// The folder of machine code, which can be recreated. It is created if missing, and closed to other users.
    pub cache_dir: PathBuf,
    pub components: Arc<Components>,
    pub compiler: CompilerProgram,
}

/// An uploaded component.
#[derive(Clone)]
pub struct Upload {
    pub bytes: Vec<u8>,
    pub size: SizeClass,
    pub by: Uploader,
}

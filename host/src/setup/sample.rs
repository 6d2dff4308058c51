//! Modules and channels for the tests of this folder.

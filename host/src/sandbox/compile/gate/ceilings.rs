//! Limits on a component's parts, far below what the parser and the compiler would accept.
//!
//! The small class allows ten times what the bundled modules and larger programs in Go and C have. The large class is
//! for interpreters: tens of thousands of functions, one of which is a switch over all instructions, some hundred
//! blocks deep, in up to forty core modules that import each other's symbols.

use wasmparser::{Instance, Payload, SectionLimited};

use super::super::error::CompileError;
use super::type_depth::is_deeper_than;
use crate::domain::manifest::SizeClass;
use crate::sandbox::run::limits::InstanceLimits;

const WASM_PAGE: u64 = 64 << 10;

/// The most of each part that a component may have, over all components and modules inside it.
#[derive(Clone, Debug)]
pub(super) struct Ceilings {
    pub(super) functions: u64,
    /// Bytes of one function.
    pub(super) body_bytes: u64,
    /// Of one function.
    pub(super) locals: u64,
    /// Nested blocks of one function. A switch has one for each of its cases.
    pub(super) blocks: u64,
    pub(super) types: u64,
    pub(super) imports: u64,
    pub(super) exports: u64,
    pub(super) globals: u64,
    pub(super) memories: u64,
    /// Bytes of all memories at the start.
    pub(super) memory_bytes: u64,
    pub(super) tables: u64,
    /// Elements of one table at the start.
    pub(super) table_elements: u64,
    /// Segments of data and of elements.
    pub(super) segments: u64,
    pub(super) modules: u64,
    /// Core modules that are instantiated.
    pub(super) core_instances: u64,
    /// All other instances: components, and instances that only name existing items.
    pub(super) instances: u64,
    /// Nested components and modules, including the outermost.
    pub(super) depth: u64,
    /// Nested component and instance types. A type that describes a whole world has three levels.
    pub(super) type_depth: usize,
    /// Aliases and canonical functions, which connect the parts.
    pub(super) aliases: u64,
    pub(super) custom_bytes: u64,
}

impl Ceilings {
    pub(super) fn of(size: SizeClass) -> Ceilings {
        const KIB: u64 = 1 << 10;
        const MIB: u64 = 1 << 20;
        let instance_limits = InstanceLimits::of(size);
        let small = Ceilings {
            functions: 20_000,
            body_bytes: 256 * KIB,
            locals: 4_000,
            blocks: 2_000,
            types: 5_000,
            imports: 1_000,
            exports: 2_000,
            globals: 2_000,
            memories: instance_limits.memories as u64,
            memory_bytes: instance_limits.memory_bytes as u64,
            tables: instance_limits.tables as u64,
            table_elements: instance_limits.table_elements as u64,
            segments: 10_000,
            modules: instance_limits.core_instances as u64,
            core_instances: instance_limits.core_instances as u64,
            instances: 200,
            depth: 8,
            type_depth: 16,
            aliases: 2_000,
            custom_bytes: 8 * MIB,
        };
        match size {
            SizeClass::Small => small,
            SizeClass::Large => Ceilings {
                functions: 100_000,
                body_bytes: MIB,
                locals: 20_000,
                blocks: 5_000,
                types: 50_000,
                imports: 50_000,
                exports: 100_000,
                globals: 50_000,
                segments: 100_000,
                instances: 1_000,
                aliases: 20_000,
                custom_bytes: 24 * MIB,
                ..small
            },
        }
    }

    pub(super) fn check_locals(&self, locals: u32) -> Result<(), CompileError> {
        at_most(locals.into(), self.locals, "variables in a function")
    }

    /// Checks a section of component types, as it is in the file.
    pub(super) fn check_type_depth(&self, section: &[u8]) -> Result<(), CompileError> {
        let most = self.type_depth;
        match is_deeper_than(section, most) {
            true => Err(CompileError::TooComplex(format!("more than {most} component types one inside the other"))),
            false => Ok(()),
        }
    }

    pub(super) fn check_blocks(&self, blocks: u32) -> Result<(), CompileError> {
        at_most(blocks.into(), self.blocks, "blocks one inside the other")
    }
}

/// The parts counted so far.
#[derive(Default)]
pub(super) struct Count {
    depth: u64,
    functions: u64,
    types: u64,
    imports: u64,
    exports: u64,
    globals: u64,
    memories: u64,
    memory_bytes: u64,
    tables: u64,
    segments: u64,
    modules: u64,
    core_instances: u64,
    instances: u64,
    aliases: u64,
    custom_bytes: u64,
}

impl Count {
    /// The nesting depth: 1 in the component itself, more inside it.
    pub(super) fn depth(&self) -> u64 {
        self.depth
    }

    /// Counts a payload. Sections begin with the number of their entries, so refusing a million of them costs nothing.
    pub(super) fn add(&mut self, payload: &Payload<'_>, most: &Ceilings) -> Result<(), CompileError> {
        match payload {
            Payload::Version { .. } => {
                self.depth += 1;
                at_most(self.depth, most.depth, "components one inside the other")
            }
            Payload::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                Ok(())
            }
            Payload::CodeSectionEntry(body) => {
                at_most(body.range().len() as u64, most.body_bytes, "bytes in a function")
            }
            Payload::FunctionSection(section) => add(&mut self.functions, section, most.functions, "functions"),
            Payload::TypeSection(section) => add(&mut self.types, section, most.types, "types"),
            Payload::CoreTypeSection(section) => add(&mut self.types, section, most.types, "types"),
            Payload::ComponentTypeSection(section) => add(&mut self.types, section, most.types, "types"),
            Payload::ImportSection(section) => add(&mut self.imports, section, most.imports, "imports"),
            Payload::ComponentImportSection(section) => add(&mut self.imports, section, most.imports, "imports"),
            Payload::ExportSection(section) => add(&mut self.exports, section, most.exports, "exports"),
            Payload::ComponentExportSection(section) => add(&mut self.exports, section, most.exports, "exports"),
            Payload::GlobalSection(section) => add(&mut self.globals, section, most.globals, "globals"),
            Payload::ElementSection(section) => add(&mut self.segments, section, most.segments, "segments"),
            Payload::DataSection(section) => add(&mut self.segments, section, most.segments, "segments"),
            Payload::ComponentAliasSection(section) => add(&mut self.aliases, section, most.aliases, "aliases"),
            Payload::ComponentCanonicalSection(section) => add(&mut self.aliases, section, most.aliases, "aliases"),
            Payload::ComponentInstanceSection(section) => {
                add(&mut self.instances, section, most.instances, "instances")
            }
            Payload::ModuleSection { .. } => more(&mut self.modules, 1, most.modules, "core modules"),
            Payload::ComponentSection { .. } => more(&mut self.instances, 1, most.instances, "instances"),
            Payload::CustomSection(section) => {
                more(&mut self.custom_bytes, section.data().len() as u64, most.custom_bytes, "bytes of custom sections")
            }
            Payload::MemorySection(_) | Payload::TableSection(_) | Payload::InstanceSection(_) => {
                self.add_each(payload, most)
            }
            _ => Ok(()),
        }
    }

    /// Counts sections whose entries matter, not only their number.
    fn add_each(&mut self, payload: &Payload<'_>, most: &Ceilings) -> Result<(), CompileError> {
        match payload {
            Payload::MemorySection(section) => {
                add(&mut self.memories, section, most.memories, "memories")?;
                for memory in section.clone() {
                    let pages = memory.map_err(CompileError::invalid)?.initial;
                    let bytes = pages.saturating_mul(WASM_PAGE);
                    more(&mut self.memory_bytes, bytes, most.memory_bytes, "bytes of memory at the start")?;
                }
            }
            Payload::TableSection(section) => {
                add(&mut self.tables, section, most.tables, "tables")?;
                for table in section.clone() {
                    let elements = table.map_err(CompileError::invalid)?.ty.initial;
                    at_most(elements, most.table_elements, "elements in a table at the start")?;
                }
            }
            Payload::InstanceSection(section) => {
                at_most(section.count().into(), most.core_instances + most.instances, "instances")?;
                for instance in section.clone() {
                    match instance.map_err(CompileError::invalid)? {
                        Instance::Instantiate { .. } => {
                            more(&mut self.core_instances, 1, most.core_instances, "instances of core modules")?;
                        }
                        Instance::FromExports(_) => more(&mut self.instances, 1, most.instances, "instances")?,
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn add<T>(sum: &mut u64, section: &SectionLimited<'_, T>, most: u64, what: &str) -> Result<(), CompileError> {
    more(sum, section.count().into(), most, what)
}

fn more(sum: &mut u64, added: u64, most: u64, what: &str) -> Result<(), CompileError> {
    *sum = sum.saturating_add(added);
    at_most(*sum, most, what)
}

fn at_most(count: u64, most: u64, what: &str) -> Result<(), CompileError> {
    if count > most { Err(CompileError::TooComplex(format!("more than {most} {what}"))) } else { Ok(()) }
}

//! Hostile components that no compiler produces: well-formed, but with too much of something.

use tests::ENDLESS;
use wasm_encoder::{
    BlockType, CodeSection, Component, ComponentExportKind, ComponentExportSection, ComponentImportSection,
    ComponentInstanceSection, ComponentSectionId, ComponentTypeRef, ComponentTypeSection, ComponentValType,
    CustomSection, DataSection, Function, FunctionSection, InstanceSection, InstanceType, Instruction, MemorySection,
    MemoryType, Module, ModuleSection, NestedComponentSection, PrimitiveValType, RawSection, TypeBounds, TypeSection,
    ValType,
};

type Body = Function;

/// A core module with these bodies as functions without parameters and results.
fn functions(bodies: impl Iterator<Item = Body>) -> Module {
    let (mut types, mut functions, mut code) = (TypeSection::new(), FunctionSection::new(), CodeSection::new());
    types.ty().function([], []);
    for body in bodies {
        functions.function(0);
        code.function(&body);
    }
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&code);
    module
}

fn body(locals: u32, instructions: impl FnOnce(&mut Body)) -> Body {
    let mut body = Body::new([(locals, ValType::I32)]);
    instructions(&mut body);
    body.instruction(&Instruction::End);
    body
}

fn holding(modules: impl IntoIterator<Item = Module>) -> Component {
    let mut component = Component::new();
    for module in modules {
        component.section(&ModuleSection(&module));
    }
    component
}

/// Adds an empty export under the contract's name, so that compiling begins. Only linking finds that it does not fit.
fn exporting(mut component: Component) -> Vec<u8> {
    let (mut instances, mut exports) = (ComponentInstanceSection::new(), ComponentExportSection::new());
    instances.export_items::<&str, [(&str, ComponentExportKind, u32); 0]>([]);
    exports.export("twitchy:command/module@0.1.0", ComponentExportKind::Instance, 0, None);
    component.section(&instances).section(&exports);
    component.finish()
}

pub(crate) fn many_functions(count: usize) -> Vec<u8> {
    holding([functions((0..count).map(|_| body(0, |_| {})))]).finish()
}

pub(crate) fn one_function(bytes: usize) -> Vec<u8> {
    let nops = |body: &mut Body| {
        for _ in 0..bytes {
            body.instruction(&Instruction::Nop);
        }
    };
    holding([functions([body(0, nops)].into_iter())]).finish()
}

pub(crate) fn many_locals(count: u32) -> Vec<u8> {
    holding([functions([body(count, |_| {})].into_iter())]).finish()
}

pub(crate) fn deep_blocks(depth: usize) -> Vec<u8> {
    let blocks = |body: &mut Body| {
        for step in 0..2 * depth {
            body.instruction(if step < depth { &Instruction::Block(BlockType::Empty) } else { &Instruction::End });
        }
    };
    holding([functions([body(0, blocks)].into_iter())]).finish()
}

pub(crate) fn deep_components(depth: usize) -> Vec<u8> {
    let nest = |inner: Component, _| {
        let mut outer = Component::new();
        outer.section(&NestedComponentSection(&inner));
        outer
    };
    (1..depth).fold(Component::new(), nest).finish()
}

/// Nested types, each of a component (0x41) or of an instance (0x42). Written by hand, as an encoder would recurse.
pub(crate) fn nested_types(depth: usize, kind: u8) -> Vec<u8> {
    let data = [&[1][..], &[kind, 1, 1].repeat(depth - 1), &[kind, 0]].concat();
    let mut component = Component::new();
    component.section(&RawSection { id: ComponentSectionId::Type.into(), data: &data });
    component.finish()
}

pub(crate) fn memory(pages: u64) -> Vec<u8> {
    let (mut memories, mut module) = (MemorySection::new(), Module::new());
    memories.memory(MemoryType { minimum: pages, maximum: None, memory64: false, shared: false, page_size_log2: None });
    module.section(&memories);
    holding([module]).finish()
}

pub(crate) fn many_modules(count: usize) -> Vec<u8> {
    holding((0..count).map(|_| Module::new())).finish()
}

pub(crate) fn many_instances(count: usize) -> Vec<u8> {
    let mut instances = InstanceSection::new();
    for _ in 0..count {
        instances.instantiate::<[(&str, wasm_encoder::ModuleArg); 0], &str>(0, []);
    }
    let mut component = holding([Module::new()]);
    component.section(&instances);
    component.finish()
}

pub(crate) fn many_types(count: usize) -> Vec<u8> {
    let (mut types, mut module) = (TypeSection::new(), Module::new());
    (0..count).for_each(|_| types.ty().function([ValType::I32], []));
    module.section(&types);
    holding([module]).finish()
}

pub(crate) fn many_segments(count: usize) -> Vec<u8> {
    let (mut data, mut module) = (DataSection::new(), Module::new());
    for _ in 0..count {
        data.passive([0]);
    }
    module.section(&data);
    holding([module]).finish()
}

/// Within every ceiling, yet slow to compile: each function keeps hundreds of values alive over thousands of branches.
pub(crate) fn slow_to_compile(count: usize) -> Vec<u8> {
    const LOCALS: u32 = 400;
    let mixing = |body: &mut Body| {
        for step in 0..12_000_u32 {
            let local = |number: u32| number.wrapping_mul(2_654_435_761) % LOCALS;
            body.instruction(&Instruction::LocalGet(local(step)));
            body.instruction(&Instruction::If(BlockType::Empty));
            body.instruction(&Instruction::LocalGet(local(step + 7)));
            body.instruction(&Instruction::LocalGet(local(step + 31)));
            body.instruction(&Instruction::I32Mul);
            body.instruction(&Instruction::LocalSet(local(step + 3)));
            body.instruction(&Instruction::End);
        }
    };
    exporting(holding([functions((0..count).map(|_| body(LOCALS, mixing)))]))
}

/// A component that the tests' compiler never finishes; each `number` gives another one.
pub(crate) fn endless_to_compile(number: u8) -> Vec<u8> {
    let mut bytes = slow_to_compile(1);
    let comment = [&[number], ENDLESS].concat();
    // A custom section with an empty name.
    bytes.extend([0, u8::try_from(1 + comment.len()).unwrap(), 0]);
    bytes.extend(comment);
    bytes
}

/// Replaces all occurrences of `old` by `new`, which has the same length.
pub(crate) fn replaced(component: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut bytes = component.to_vec();
    let places: Vec<usize> = (0..=bytes.len() - old.len()).filter(|at| bytes[*at..].starts_with(old)).collect();
    assert!(!places.is_empty());
    places.into_iter().for_each(|at| bytes[at..at + old.len()].copy_from_slice(new));
    bytes
}

/// The offsets of the sections' ends, up to the last section that is not a custom one.
pub(crate) fn list_section_ends(component: &[u8]) -> Vec<usize> {
    let (mut ends, mut at, mut needed) = (vec![8], 8, 0);
    while at < component.len() {
        let is_custom = component[at] == 0;
        let (length, start) = read_length(component, at + 1);
        at = start + length;
        ends.push(at);
        needed = if is_custom { needed } else { ends.len() };
    }
    assert_eq!(at, component.len());
    ends.truncate(needed);
    ends
}

/// Reads a number in LEB128. Returns the number and the offset of its end.
fn read_length(bytes: &[u8], mut at: usize) -> (usize, usize) {
    let (mut length, mut shift) = (0_usize, 0);
    loop {
        let byte = bytes[at];
        at += 1;
        length |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return (length, at);
        }
    }
}

/// A component with a custom section of so many bytes.
pub(crate) fn commented(bytes: usize) -> Vec<u8> {
    let mut component = Component::new();
    component.section(&CustomSection { name: "comment".into(), data: vec![0; bytes].into() });
    component.finish()
}

/// Exports an empty instance under `count` names with `length` letters and a number.
pub(crate) fn many_exports(count: usize, length: usize) -> Vec<u8> {
    let (mut instances, mut exports) = (ComponentInstanceSection::new(), ComponentExportSection::new());
    instances.export_items::<&str, [(&str, ComponentExportKind, u32); 0]>([]);
    for number in 0..count {
        exports.export(format!("a{number}{}", "a".repeat(length)).as_str(), ComponentExportKind::Instance, 0, None);
    }
    let mut component = Component::new();
    component.section(&instances).section(&exports);
    exporting(component)
}

/// Imports an instance, under the name `import`, with `count` different types.
pub(crate) fn many_imported_types(import: &str, count: u32) -> Vec<u8> {
    let mut instance = InstanceType::new();
    for number in 0..count {
        let fields = (0..4).map(|field| (format!("f{number}-{field}"), PrimitiveValType::String));
        let fields: Vec<_> = fields.collect();
        let fields = fields.iter().map(|(name, ty)| (name.as_str(), ComponentValType::Primitive(*ty)));
        instance.ty().defined_type().record(fields);
        instance.export(format!("t{number}").as_str(), ComponentTypeRef::Type(TypeBounds::Eq(2 * number)));
    }
    importing(import, &instance)
}

/// Imports `instance` under the name `import`.
fn importing(import: &str, instance: &InstanceType) -> Vec<u8> {
    let mut types = ComponentTypeSection::new();
    types.instance(instance);
    let mut imports = ComponentImportSection::new();
    imports.import(import, ComponentTypeRef::Instance(0));
    let mut component = Component::new();
    component.section(&types).section(&imports);
    exporting(component)
}

/// Imports types each of which is a pair of the one before, so that their full size doubles each time.
pub(crate) fn doubling_types(import: &str, count: u32) -> Vec<u8> {
    let mut instance = InstanceType::new();
    instance.ty().defined_type().tuple([ComponentValType::Primitive(PrimitiveValType::String)]);
    for number in 1..count {
        instance.ty().defined_type().tuple([ComponentValType::Type(number - 1), ComponentValType::Type(number - 1)]);
    }
    instance.export("last", ComponentTypeRef::Type(TypeBounds::Eq(count - 1)));
    importing(import, &instance)
}

/// Imports types each of which is a list of the one before.
pub(crate) fn lists_of_lists(import: &str, count: u32) -> Vec<u8> {
    let mut instance = InstanceType::new();
    instance.ty().defined_type().list(ComponentValType::Primitive(PrimitiveValType::String));
    for number in 1..count {
        instance.ty().defined_type().list(ComponentValType::Type(number - 1));
    }
    instance.export("last", ComponentTypeRef::Type(TypeBounds::Eq(count - 1)));
    importing(import, &instance)
}

/// Wraps a valid module in an outer component that exports nothing.
pub(crate) fn wrapped(component: &[u8]) -> Vec<u8> {
    let mut outer = Component::new();
    outer.section(&RawSection { id: ComponentSectionId::Component.into(), data: component });
    outer.finish()
}

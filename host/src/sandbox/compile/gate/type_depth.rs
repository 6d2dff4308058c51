//! Measures how deeply a component's types are nested.
//!
//! The parser reads nested component and instance types by recursion, and validation would too: some thousand levels,
//! of three bytes each, overflow the stack. This file reads the same bytes with a list of open types instead.

use wasmparser::{
    BinaryReader, ComponentAlias, ComponentExternName, ComponentImport, ComponentType, ComponentTypeRef, CoreType,
};

/// First bytes of the types that contain declarations.
const COMPONENT: u8 = 0x41;
const INSTANCE: u8 = 0x42;

/// Whether a section of component types, as it is in the file, nests types more than `most` levels deep. Returns false
/// for a malformed section: the parser then fails in the same place, which is no deeper.
pub(super) fn is_deeper_than(section: &[u8], most: usize) -> bool {
    read_depth(&mut BinaryReader::new(section, 0), most).is_some_and(|depth| depth > most)
}

/// Stops at the first level beyond `most`; `None` if the section is malformed.
fn read_depth(reader: &mut BinaryReader<'_>, most: usize) -> Option<usize> {
    // Numbers of unread items: types of the section, then declarations of each open type.
    let mut open = vec![reader.read_var_u32().ok()?];
    let mut deepest = 0;
    while let Some(left) = open.last_mut() {
        if *left == 0 {
            open.pop();
            continue;
        }
        *left -= 1;
        let is_type = open.len() == 1 || read_declaration(reader)?;
        if !is_type {
            continue;
        }
        let mut ahead = reader.clone();
        if !matches!(ahead.read_u8().ok()?, COMPONENT | INSTANCE) {
            reader.read::<ComponentType<'_>>().ok()?;
            continue;
        }
        open.push(ahead.read_var_u32().ok()?);
        *reader = ahead;
        deepest = deepest.max(open.len() - 1);
        if deepest > most {
            break;
        }
    }
    Some(deepest)
}

/// Reads a whole declaration, or only the head of one that declares a type. Returns whether it declares a type.
fn read_declaration(reader: &mut BinaryReader<'_>) -> Option<bool> {
    match reader.read_u8().ok()? {
        0x00 => {
            reader.read::<CoreType<'_>>().ok()?;
        }
        0x01 => return Some(true),
        0x02 => {
            reader.read::<ComponentAlias<'_>>().ok()?;
        }
        0x03 => {
            reader.read::<ComponentImport<'_>>().ok()?;
        }
        0x04 => {
            reader.read::<ComponentExternName<'_>>().ok()?;
            reader.read::<ComponentTypeRef>().ok()?;
        }
        _ => return None,
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A section of one type that contains `depth - 1` others, each nested in the previous one.
    fn nested(depth: usize, kind: u8) -> Vec<u8> {
        let open = [&[1][..], &[kind, 1, 1].repeat(depth - 1)].concat();
        [&open[..], &[kind, 0]].concat()
    }

    #[test]
    fn each_level_counts_whatever_kind_it_is_of() {
        for kind in [COMPONENT, INSTANCE] {
            for depth in 1..20 {
                for most in 1..20 {
                    assert_eq!(is_deeper_than(&nested(depth, kind), most), depth > most, "{kind:x} {depth} {most}");
                }
            }
            assert!(is_deeper_than(&nested(1_000_000, kind), 1_000));
        }
        assert!(!is_deeper_than(&[3, 0x7f, 0x41, 0, 0x42, 0], 1), "three beside one another");
    }

    #[test]
    fn declarations_before_a_deep_one_are_read_over() {
        // An exported function type, an alias of the surrounding type, an import; then a type in a type.
        let declarations: [&[u8]; 4] =
            [&[1, 0x40, 0, 1, 0], &[2, 3, 2, 1, 0], &[3, 0, 1, b'a', 1, 0], &[1, 0x42, 1, 1, 0x42, 0]];
        let section = [&[1, COMPONENT, 4][..], &declarations.concat()].concat();
        assert!(is_deeper_than(&section, 2) && !is_deeper_than(&section, 3));
    }

    #[test]
    fn what_is_no_section_is_left_to_the_parser() {
        for broken in [&[][..], &[1], &[1, COMPONENT], &[1, COMPONENT, 1, 9], &[2, COMPONENT, 1, 1, INSTANCE, 5]] {
            assert!(!is_deeper_than(broken, 5), "{broken:?}");
        }
    }
}

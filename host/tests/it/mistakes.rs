//! The mistakes of authors: guest-sdk/MISTAKES.md says what `twitchy` prints about each.

mod author;
mod building;
mod catalogue;
mod checking;
mod running;

use author::Author;
use catalogue::Catalogue;

#[test]
fn each_mistake_of_an_author_is_answered_as_the_catalogue_says() {
    let (mut catalogue, author) = (Catalogue::default(), Author::begin());
    building::make_mistakes(&mut catalogue, &author);
    checking::make_mistakes(&mut catalogue);
    running::make_mistakes(&mut catalogue, &author);
    catalogue.check();
}

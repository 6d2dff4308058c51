//! Chatters' texts: typical phrases, combined at random with a fixed seed.

/// A pseudo-random sequence (splitmix64, by Sebastiano Vigna).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.draw() % end as u64) as usize
    }

    pub fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// True in one of `n` cases.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// Emotes of Twitch, with their ids.
pub(crate) const EMOTES: [(&str, &str); 6] = [
    ("Kappa", "25"),
    ("LUL", "425618"),
    ("PogChamp", "305954156"),
    ("BibleThump", "86"),
    ("NotLikeThis", "58765"),
    ("HeyGuys", "30259"),
];

const PHRASES: [&str; 40] = [
    "hello everybody",
    "what a play!",
    "gg",
    "lol",
    "that was so close",
    "first time here, love the stream",
    "can you show the settings again?",
    "no way",
    "W",
    "L",
    "wait what",
    "clip it",
    "he is cooking",
    "the music is a bit loud",
    "how long have you been live?",
    "I missed it, what happened",
    "same",
    "let's go!!!",
    "never lucky",
    "any tips for a beginner? I just started last week and I keep losing in the second half",
    "привет из Москвы",
    "какая игра",
    "こんにちは、初見です",
    "かわいい",
    "안녕하세요",
    "¿cuánto falta para el próximo directo?",
    "buenas noches a todos",
    "salut tout le monde, ça va ?",
    "schöne Grüße aus Köln",
    "🔥🔥🔥",
    "😂😂",
    "❤️",
    "👀 this is going to be good",
    "gl hf 🎉",
    "is this the new patch? it feels completely different from the one we had on the test server last month",
    "my game crashed three times today, does anybody else have that problem since the update",
    "https://example.com/watch?v=dQw4w9WgXcQ",
    "@somebody you were right",
    "chat is moving so fast nobody will see that I had pizza for breakfast again",
    "5 minutes until the raid, everybody get ready",
];

/// A chatter's text, and the tag with the positions of its emotes.
pub(crate) fn compose(random: &mut Random) -> (String, String) {
    let mut text = String::new();
    let mut emotes = String::new();
    if random.one_in(6) {
        let (name, id) = random.one_of(&EMOTES);
        emotes = format!("{id}:0-{}", name.len() - 1);
        text = format!("{name} ");
    }
    text += *random.one_of(&PHRASES);
    if random.one_in(8) {
        text += " ";
        text += *random.one_of(&PHRASES);
    }
    if random.one_in(5) {
        text += &format!(" {}", random.below(1000));
    }
    (text, emotes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn talk_calls_no_command() {
        let mut random = Random::new(1);
        assert!((0..10_000).all(|_| !compose(&mut random).0.contains(" !")));
        assert!(PHRASES.iter().all(|phrase| !phrase.starts_with('!')));
    }

    #[test]
    fn chance_repeats_itself() {
        let draw = |seed| Random::new(seed).draw();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}

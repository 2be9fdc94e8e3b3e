//! What the researcher knows.

/// A topic, the words it is found by, and what is known of it.
pub(crate) struct Entry {
    pub(crate) topic: &'static str,
    words: &'static [&'static str],
    pub(crate) facts: &'static [&'static str],
}

const ENTRIES: [Entry; 4] = [
    Entry {
        topic: "orreries",
        words: &["orrery", "orreries", "planet", "solar system"],
        facts: &[
            "The first modern orrery was built around 1704 by the clockmakers George Graham and Thomas Tompion.",
            "It is named after Charles Boyle, the fourth Earl of Orrery, for whom John Rowley made one.",
            "A crank or a clock drives gears whose ratios follow the periods of the planets.",
            "Nearly two thousand years earlier, the Antikythera mechanism foretold eclipses with bronze gears.",
        ],
    },
    Entry {
        topic: "tides",
        words: &["tide", "ocean", "sea"],
        facts: &[
            "Most coasts see two high tides in every 24 hours and 50 minutes.",
            "The Bay of Fundy in Canada has the greatest tidal range, up to about 16 metres.",
            "Spring tides come at new and full moon, when Sun and Moon pull along one line.",
            "Tidal friction makes the day longer by roughly two milliseconds in a century.",
        ],
    },
    Entry {
        topic: "honey bees",
        words: &["bee", "honey", "hive"],
        facts: &[
            "A honey bee tells the others where food is by a waggle dance.",
            "A colony may have sixty thousand workers in summer.",
            "One worker makes about a twelfth of a teaspoon of honey in her life.",
            "Bees see ultraviolet light, but not red.",
        ],
    },
    Entry {
        topic: "coffee",
        words: &["coffee", "espresso", "caffeine"],
        facts: &[
            "Arabica coffee comes from the highlands of Ethiopia.",
            "A coffee cherry usually holds two seeds, which are called beans.",
            "Arabica makes up more than half of the world's harvest.",
            "Finland is among the countries that drink the most coffee per head.",
        ],
    },
];

/// What to say of a topic that is not in the library. True, and honest about it.
const NOT_HERE: Entry = Entry {
    topic: "",
    words: &[],
    facts: &[
        "The demo's small library has no entry on this topic.",
        "It knows about orreries, tides, honey bees and coffee.",
    ],
};

/// The entry for a topic, found by any of its words.
pub(crate) fn entry(topic: &str) -> &'static Entry {
    let topic = topic.to_lowercase();
    ENTRIES.iter().find(|entry| entry.words.iter().any(|word| topic.contains(word))).unwrap_or(&NOT_HERE)
}

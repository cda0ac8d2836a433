"""What the people of the generated world talk about: undertakings in steps, things that happened, wishes, facts, small talk."""

from __future__ import annotations

# An undertaking: what questions call it, and what is said of it, in the order of time. Some steps do not name it.
UNDERTAKINGS: dict[str, tuple[str, ...]] = {
    "the old motorbike": (
        "My uncle left me his old motorbike, a Honda from 1978, and I want to get it running.",
        "The carburettor of the motorbike was full of rust, so I soaked it in vinegar over night.",
        "I ordered new gaskets for the engine, the seller wants {n} euros with postage.",
        "Good news from the garage: the engine turned over for the first time, with a lot of smoke.",
        "The motorbike needs a new seat, the foam fell apart in my hands.",
        "I gave the tank of the Honda two coats of dark green paint.",
        "The inspector refused the motorbike because of the rear brake.",
        "With new brake pads the old Honda passed the inspection, I rode it {n} kilometres.",
    ),
    "the balcony garden": (
        "I would like to start a balcony garden this spring, the railing gets sun until three.",
        "For the balcony I bought {n} litres of soil and four long boxes.",
        "The tomato seedlings came up on the window sill, nearly all of them.",
        "A night of frost killed half of what I had put out on the balcony, so I sowed again.",
        "There are aphids on the beans of my garden boxes, I sprayed them with soap water.",
        "I put a drip line with a timer between the boxes, since I forget to water.",
        "We ate the first salad from the balcony garden, with radishes.",
        "The tomatoes gave {n} kilos in the end, and I am drying seeds for next year.",
    ),
    "learning Danish": (
        "I have decided on learning Danish, because my daughter is moving to Aarhus.",
        "The Danish course at the evening school was full, so I began with an app.",
        "I found a tandem partner called Mette who wants to practise with me on Tuesdays.",
        "The pronunciation drives me mad, nobody hears a difference between my vowels.",
        "I read my first children's book in Danish, it took {n} evenings.",
        "Mette and I now talk for a whole hour without any English.",
        "I passed the A2 test in Danish with {n} points.",
        "In Aarhus I ordered lunch in Danish and was understood at once.",
    ),
    "my back pain": (
        "My back pain has come back, low on the left, mostly when I sit.",
        "The doctor says nothing is torn in my back and gave me tablets for a week.",
        "I tried heat in the evenings, it helps for an hour against the pain.",
        "A physiotherapist showed me {n} exercises for the spine.",
        "I bought a desk that I can raise, so that I stand half of the day.",
        "Swimming made the pain in my back worse, I had to stop.",
        "Since I do the exercises each morning I sleep through again.",
        "It is {n} weeks now without back pain, I carry my own shopping.",
    ),
    "the neighbourhood podcast": (
        "Jonas and I want to make a podcast about our neighbourhood.",
        "We chose the name Round the Corner for the podcast after a long evening.",
        "I borrowed two microphones from the radio club for our recordings.",
        "For the first episode we talked with the baker about her night shifts.",
        "The sound of episode one had so much echo that we recorded it again under blankets.",
        "The first episode of the podcast went online and had {n} listeners.",
        "A reader of the local paper complained, so we cut two minutes out.",
        "The library invited us to record an episode before an audience.",
    ),
    "the move to the new flat": (
        "We got the flat by the canal, so the move is going to happen.",
        "I gave notice for our old flat, three months from the first.",
        "The removal firm asks {n} euros for the move, without packing.",
        "We painted the bedroom of the new flat in a pale blue.",
        "The kitchen does not fit: the worktop is nine centimetres too long.",
        "Friends carried {n} boxes up the stairs, the lift was broken.",
        "We handed over the keys of the old place, the deposit comes back in full.",
        "The first night in the flat by the canal was loud, a barge woke us.",
    ),
    "my novel": (
        "I have begun to write a novel about a lighthouse keeper who cannot swim.",
        "I changed the novel from the first person to the third, it was too close.",
        "My outline has {n} chapters now, and the storm is in the middle.",
        "My sister read the first part and did not believe the sea captain.",
        "I threw out the sea captain and gave his lines to the keeper's mother.",
        "The first draft of my novel is done, {n} pages.",
        "Two agencies have declined the manuscript with kind words.",
        "A small press in Leeds wants the novel if I shorten the ending.",
    ),
    "the dog training": (
        "We have adopted a dog from the shelter, Pepper, and she needs training.",
        "Pepper pulls on the leash so hard that my shoulder hurts.",
        "A trainer told us to stop each time the leash is tight.",
        "She learned to stay for {n} seconds with a bowl before her.",
        "Pepper barked at every bicycle, so we fed her cheese beside the cycle path.",
        "In the dog school she played with others without a fight for the first time.",
        "The recall works in the park, even with squirrels about.",
        "Pepper passed the companion test of the dog school, {n} of 60 points.",
    ),
    "the bakery website": (
        "My cousin asked me to build a website for her bakery.",
        "I drew three sketches of the site and she took the one with the big photo.",
        "The bakery website is going to list {n} sorts of bread with their allergens.",
        "I had trouble with the order form: it sent each order twice.",
        "We moved the bakery's site to a cheaper host, the mail went lost for a day.",
        "The photographer charged {n} euros for the pictures of the loaves.",
        "The website went live on a Sunday, and grandma was the first to order.",
        "Now a third of the bread is ordered through the bakery website.",
    ),
    "the half marathon": (
        "I have signed up for the half marathon in the autumn.",
        "My first training run was {n} minutes, with two breaks.",
        "New running shoes gave me blisters on both heels.",
        "I ran ten kilometres without stopping for the first time.",
        "A sore knee forced me to pause the running for two weeks.",
        "My training plan now has intervals on Wednesdays, I hate them.",
        "I ran eighteen kilometres along the river as the longest run before the race.",
        "I finished the half marathon in two hours and {n} minutes.",
    ),
    "the beehive": (
        "My neighbour gave me a beehive, an empty one, and I am going to fill it.",
        "I took the beginners' course of the beekeepers on three Saturdays.",
        "A swarm hung in the pear tree, and we shook it into the hive.",
        "I was stung {n} times when I opened the hive without smoke.",
        "The queen of the hive is marked with a blue dot now.",
        "I treated the bees against mites with formic acid.",
        "The first honey was {n} jars, dark and a little bitter.",
        "For the winter I fed the bees sugar and put a roof of tin on the hive.",
    ),
    "the choir": (
        "I have joined a choir, they needed altos more than tenors.",
        "The conductor of the choir let me sing alone and I shook.",
        "We began with a requiem, {n} pages, mostly in Latin.",
        "I missed two rehearsals because of a cough.",
        "They asked me to keep the accounts of the choir, and I said yes.",
        "The choir rented the church of St Anne for the concert.",
        "At the dress rehearsal the organ had no wind.",
        "The concert was sold out, {n} people, and my father cried.",
    ),
}

# Things that happened or will: (what is said, what a question calls it). {when} begins or ends the sentence.
EVENTS: tuple[tuple[str, str], ...] = tuple(
    (said.strip(), called.strip())
    for said, called in (
        line.split("|")
        for line in """
I had a wisdom tooth taken out|have a wisdom tooth taken out
I sold the blue canoe|sell the blue canoe
I handed in the tax return|hand in the tax return
I met Teresa at the chess club|meet Teresa at the chess club
the washing machine flooded the cellar|did the washing machine flood the cellar
I repaired the fence with my father|repair the fence with my father
I saw a kingfisher by the weir|see a kingfisher by the weir
I lost my wallet on the tram|lose my wallet on the tram
I gave a talk on tides at the museum|give a talk on tides
I cooked goulash for twelve people|cook goulash for twelve people
I donated blood at the town hall|donate blood
I watched the eclipse from the roof|watch the eclipse
I bought a second-hand cello|buy a second-hand cello
I burned my hand on the oven door|burn my hand on the oven door
I visited the salt mine with Ruben|visit the salt mine with Ruben
I signed the contract for the allotment|sign the contract for the allotment
I took the ferry to the bird island|take the ferry to the bird island
I planted a walnut tree|plant a walnut tree
I had the brakes of the van checked|have the brakes of the van checked
I went to a pottery class with Ingrid|go to a pottery class with Ingrid
I finished the jigsaw of the harbour|finish the jigsaw of the harbour
I got a letter from my old teacher|get a letter from my old teacher
I voted for the new bridge|vote for the new bridge
I broke the handle of the green teapot|break the handle of the green teapot
I found a fossil in the quarry|find a fossil in the quarry
I renewed my passport|renew my passport
I argued with the landlord about the heating|argue with the landlord about the heating
I slept in a hammock at the lake|sleep in a hammock at the lake
I swapped the winter tyres|swap the winter tyres
I won a ham at the raffle|win a ham at the raffle
I took my nephew to the planetarium|take my nephew to the planetarium
I cleaned the gutters|clean the gutters
I had lunch with the mayor|have lunch with the mayor
I learned to graft apple trees|learn to graft apple trees
I returned the drill to Samuel|return the drill to Samuel
I had my eyes tested|have my eyes tested
I baked a cake for the fire brigade|bake a cake for the fire brigade
I put the piano up for sale|put the piano up for sale
I hiked up the Falkenstein|hike up the Falkenstein
I joined the strike of the bus drivers|join the strike of the bus drivers
I translated a poem for Noor|translate a poem for Noor
I adopted two hens|adopt two hens
I cancelled the gym|cancel the gym
I framed the map of the estuary|frame the map of the estuary
I caught a pike of nine pounds|catch a pike
I cut my own hair|cut my own hair
I went to the wedding of Lukas and Mira|go to the wedding of Lukas and Mira
I fixed the doorbell|fix the doorbell
I interviewed for the post at the archive|interview for the post at the archive
I saw the dentist about a crown|see the dentist about a crown
I picked eleven kilos of cherries|pick cherries
I drove the minibus to the airport|drive the minibus to the airport
I dropped my phone into the harbour|drop my phone into the harbour
I had a flat tyre in the tunnel|have a flat tyre in the tunnel
I tasted the new cider at the orchard|taste the new cider
I read to the children at the library|read to the children at the library
I set up a telescope for the scouts|set up a telescope for the scouts
I mended the sails of the dinghy|mend the sails of the dinghy
I walked to work across the frozen pond|walk to work across the frozen pond
I sang at a funeral|sing at a funeral
""".strip().splitlines()
    )
)

# What a person wants to hold: what is said, and a request that it touches, in other words.
WISHES: tuple[tuple[str, str], ...] = (
    ("Always give me prices in Swiss francs.", "What would a decent espresso machine cost me?"),
    ("Please use metric units when I ask for a recipe.", "How do I make a lemon tart?"),
    ("Never suggest anything with peanuts to me.", "What could I cook for Thursday?"),
    ("From now on, keep your answers under five sentences.", "Explain how a heat pump works."),
    ("Always show me code with type hints.", "Write me a function that parses a log file."),
    ("Please don't use bullet points when you answer me.", "What speaks for and against a wood stove?"),
    ("I prefer trains to planes, even if it takes a day longer.", "How should I get to Lisbon in May?"),
    ("When I ask about films, don't tell me the ending.", "Is the new Almodóvar worth it?"),
    ("I'd rather have small hotels with breakfast than big ones.", "Where could we stay in Ghent?"),
    (
        "Always remind me to check the date of my tetanus shot when I talk about the workshop.",
        "How do I sharpen a chisel?",
    ),
    ("Don't ever book anything before ten in the morning for me.", "When should the plumber come?"),
    ("Please answer in British spelling.", "Draft a short note to my colleagues about the new colours."),
    ("I like my coffee without sugar and with oat milk.", "Order me something at the café."),
    ("Whenever I mention my thesis, ask me how many pages I wrote.", "I should get back to the thesis today."),
    ("I prefer to read on paper, not on a screen.", "Which edition of that book should I get?"),
    ("Please call me Robin, not Roberta.", "Write a greeting card from you to me."),
    ("Make sure you always name a source for medical advice.", "Is magnesium good against cramps?"),
    ("I hate phone calls, so always suggest a way by mail first.", "How do I reach the land registry?"),
    ("From now on use the 24-hour clock.", "When does the evening tide turn?"),
    ("Remember to always add a vegetarian choice when we plan a dinner.", "Plan a menu for six guests."),
)

# Facts: what is said, what is asked, and the values.
FACTS: tuple[tuple[str, str, tuple[str, ...]], ...] = tuple(
    (said.strip(), question.strip(), tuple(values.strip().split(",")))
    for said, question, values in (
        line.split("|")
        for line in """
My dentist is called Doctor {x}, her practice is above the pharmacy.|What is the name of my dentist?|Amsel,Brandt,Cordes,Dierks
The code of the bicycle lock is {x}, I always forget it.|What is the code of my bicycle lock?|4471,9028,3316,7754
Our boiler is a {x}, by the way, from before the renovation.|Which make is our boiler?|Vaillo,Junkar,Bosk,Wolfen
My nephew plays the {x} in the school band.|Which instrument does my nephew play?|tuba,oboe,viola,bassoon
I store the spare key with {x} on the second floor.|Who has our spare key?|Mrs Okafor,Mr Lindqvist,Mrs Petrov,Mr Baptista
The paint in the hall is called {x}.|What is the paint in the hall called?|Winter Barley,Quiet Slate,Old Linen,River Clay
My blood group is {x}, I saw it on the donor card.|Which blood group do I have?|A negative,O positive,B negative,AB positive
The vet's emergency line is {x}.|What is the emergency number of the vet?|555 0131,555 0177,555 0192,555 0164
I am allergic to {x}, it gives me a rash.|What am I allergic to?|penicillin,latex,wool grease,nickel
Our wedding anniversary falls on {x}.|When is our wedding anniversary?|3 October,17 June,22 February,9 August
The password hint for the router is the {x}.|What is the password hint of the router?|first cat,old street,blue teapot,holiday island
My shoe size in hiking boots is {x}.|Which size do I need in hiking boots?|41,42.5,44,39
I take {x} for my blood pressure, one in the morning.|What do I take for my blood pressure?|ramipril,amlodipine,losartan,bisoprolol
The violin teacher charges {x} for a lesson.|How much is a violin lesson?|38 euros,45 euros,52 euros,60 euros
My cousin Edda works as a {x} in Tromsø.|What does my cousin Edda do for a living?|harbour pilot,glaciologist,set designer,midwife
We buried the time capsule under the {x}.|Where is the time capsule?|quince,garden steps,old pump,third birch
The car is insured with {x} since January.|With whom is the car insured?|Nordstern,Helvia,Aurora Mutual,Baloisa
My locker at the pool is number {x}.|Which locker do I have at the pool?|17,88,203,56
The recipe for the rye bread came from {x}.|From whom do I have the recipe for the rye bread?|Oma Gerda,a baker in Vilnius,Aunt Solveig,the mill
Our meeting room is named after {x}.|After whom is our meeting room named?|Emmy Noether,Ada Lovelace,Lise Meitner,Sofia Kowalewski
""".strip().splitlines()
    )
)

# Small talk and requests, whose nouns also occur in what counts: {t} is a topic, {d} a detail of it.
TOPICS: dict[str, tuple[str, ...]] = {
    "a sourdough starter": ("the flour", "the smell", "the hydration", "a warm shelf", "the crumb"),
    "spreadsheets": ("a pivot table", "the totals", "hidden rows", "dates as text", "a chart with two axes"),
    "a trip to Portugal": (
        "the night train",
        "a hotel by the sea",
        "the garden of the palace",
        "small museums",
        "tickets",
    ),
    "the printer": ("the toner", "the paper tray", "the driver", "the queue of jobs", "the noise it makes"),
    "my daughter's homework": ("fractions", "a poem by heart", "the water cycle", "a map of rivers", "long division"),
    "the history of bridges": (
        "stone arches",
        "the first iron bridge",
        "toll keepers",
        "ropes",
        "a collapse in a storm",
    ),
    "houseplants": ("the fern", "soil that stays wet", "a window to the north", "gnats", "cuttings in water"),
    "chess openings": ("the centre pawns", "a bishop on the long diagonal", "a lost tempo", "the endgame", "traps"),
    "phone contracts": ("roaming", "the minimum term", "a second card", "the old number", "data that is left over"),
    "coffee": ("the grinder", "the temperature", "a paper filter", "beans from Ethiopia", "the descaling"),
    "bicycles": ("the chain", "a puncture", "brake pads", "the saddle", "lights for the winter"),
    "insurance": ("the deductible", "a claim after a storm", "the annual bill", "the small print", "the deadline"),
    "recipes with cabbage": ("caraway", "a slow oven", "vinegar", "leftovers", "apples from the garden"),
    "birds at the feeder": ("goldfinches", "the neighbour's cat", "sunflower seeds", "a woodpecker", "frozen water"),
    "old films": ("the soundtrack", "a long take", "the ending", "a remake", "subtitles in English"),
    "a speech for a colleague": ("a joke that works", "her first day", "the order of thanks", "the length", "a toast"),
}
ASKS: tuple[str, ...] = (
    "Can you help me with {t}? I wonder about {d}.",
    "What should I know about {t}, above all {d}?",
    "A question on {t}: what do people usually do about {d}?",
    "I keep coming back to {t}. What about {d}?",
    "Explain {d} to me as if I had never heard of {t}.",
    "My colleague swears by {d} when it comes to {t}. Is there something to it?",
    "Somebody told me that {d} is the hardest part of {t}. Why is that?",
    "Thanks. And how does {d} fit in with {t}?",
)
REPLIES: tuple[str, ...] = (
    "With {t} it usually comes down to {d}, and that takes a little patience.",
    "Most people begin with {d} and only later look at the rest of {t}.",
    "There are two schools: some leave {d} alone, others put it first.",
    "If you have an hour, write down what you tried with {d} and what came of it.",
    "A common mistake is to change several things at once; then nobody knows whether it was {d}.",
    "I would not spend money on {t} before you are sure about {d}.",
    "Once {d} is in order, {t} tends to take care of itself.",
    "It also depends on the season, on how much time you have, and on who else is involved.",
    "Let me know how it goes, and we can look at the next step together.",
    "In short: small steps, one after the other, and a note of each.",
    "You can find good explanations of {d} in the library, and a few videos that are worth the time.",
    "That is a sensible plan, and it leaves room for a change of mind later.",
)
ECHOES: tuple[str, ...] = (
    "That sounds like a real step with {s}. Would you like a short list of what could come next?",
    "Good to hear how it goes with {s}. Keep a note of it, so that you can look back later.",
    "Many people with {s} tell the same story; it gets easier after the first weeks.",
    "Understood. For {s} I would give it a few days before you decide anything.",
    "Thanks for telling me. As to {s}, patience is most of it.",
)
# What is talked about all the time in an undertaking, and moves nothing: questions on it, and long answers.
WORRIES: tuple[str, ...] = (
    "the money", "the next step", "the mess", "what the family says", "the tools", "the time it takes", "the weekend",
    "somebody who knows better", "the risk", "a plan B", "the first mistake", "the neighbours", "the weather",
)  # fmt: skip
LONG_REPLIES: tuple[str, ...] = (
    "When people talk about {s}, they mostly think of {d}, and that is fair enough.",
    "For {s} I would make a list with three columns, and {d} would stand in the first.",
    "You asked about {d} before; with {s} it rarely matters as much as it seems in the evening.",
    "Those who have been through {s} tell that {d} solved itself after a while.",
    "If {d} keeps you awake, put {s} aside for a day and look at it again with fresh eyes.",
    "There is no right order in which to do {s}, but {d} tends to come early.",
    "A friend who helps with {s} is worth more than any guide, above all for {d}.",
    "Write down what you have done for {s} so far, and what is left, and {d} will look smaller.",
)
LEADS: tuple[str, ...] = ("", "", "", "By the way: ", "Before I forget: ", "Something else: ", "An update: ", "Well, ")
TAILS: tuple[str, ...] = ("", "", " What do you think?", " I am curious what you make of it.", " Just so you know.")
OTHERS: tuple[str, ...] = ("My sister", "A colleague", "The neighbour", "My brother-in-law", "An old friend of mine")

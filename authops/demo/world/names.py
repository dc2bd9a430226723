"""Raw material for the population: names, departments and number plans by country, as plain tables.

Each number plan was checked with Google's libphonenumber in the tests; `#` is a digit from the dice.
Ranges set aside for drama are used where the plan counts them as valid (US 555-01xx, GB 020 7946 0).
"""

from __future__ import annotations

DOMAINS = ("contoso.example", "fabrikam.example")
PARTNERS = ("adatum.example", "northwind.example", "litware.example")
DEPARTMENTS = ("Sales", "Finance", "Engineering", "Support", "Operations", "Marketing", "Legal", "People", "Research")
TITLES = ("Specialist", "Manager", "Analyst", "Engineer", "Coordinator", "Advisor", "Lead", "Assistant", "Director")

# country: (country code, trunk prefix, mobile patterns, office patterns, language, city, given names, surnames)
Country = tuple[str, str, str, str, str, str, str, str]
COUNTRIES: dict[str, Country] = {
    "NL": ("31", "0", "61234####", "20794####", "nl-NL", "Amsterdam",
           "Sanne Daan Lotte Bram Fleur Sem Anouk Thijs", "de_Vries Jansen van_Dijk Bakker Visser Smit Mulder"),
    "BE": ("32", "0", "47012####", "2512####", "nl-BE", "Brussels",
           "Emma Louis Marie Arthur Elise Victor Noor Jules", "Peeters Maes Dubois Claes Lambert Wouters"),
    "DE": ("49", "0", "15123####00", "3023125###", "de-DE", "Berlin",
           "Lena Jonas Mia Felix Hannah Lukas Jürgen Käthe", "Müller Schmidt Schneider Weber Köhler Wagner"),
    "GB": ("44", "0", "740012####", "2079460###", "en-GB", "London",
           "Olivia Harry Amelia George Isla Oliver Poppy Priya", "Smith Jones Taylor Brown Patel O'Connor Khan"),
    "US": ("1", "", "21255501##", "31255501##", "en-US", "Chicago",
           "Ava Liam Sofia Noah Maya Ethan Zoe Marcus", "Johnson Williams Garcia Miller Davis Nguyen Washington"),
    "FR": ("33", "0", "61234####", "19900####", "fr-FR", "Paris",
           "Chloé Hugo Léa Lucas Inès Théo Zoé Gaël", "Martin Bernard Petit Durand Lefèvre Moreau"),
    "ES": ("34", "", "60012####", "91012####", "es-ES", "Madrid",
           "Lucía Mateo Carmen Pablo Nuria Álvaro Elena Iker", "García Fernández López Martínez Núñez Ruiz"),
    "PL": ("48", "", "51234####", "12345####", "pl-PL", "Kraków",
           "Zofia Jan Maja Kacper Łucja Szymon Ewa Piotr", "Nowak Kowalska Wiśniewski Wójcik Zielińska"),
    "IN": ("91", "0", "987654####", "112345####", "en-IN", "Bengaluru",
           "Aarav Diya Vihaan Ananya Arjun Meera Rohan Kavya", "Sharma Iyer Reddy Gupta Nair Singh Das"),
    "SE": ("46", "0", "70123####", "812345##", "sv-SE", "Stockholm",
           "Alva Erik Astrid Lars Saga Björn Elsa Åke", "Andersson Johansson Karlsson Lindström Öberg"),
}  # fmt: skip
WEIGHTS = (34, 10, 12, 10, 9, 7, 5, 5, 5, 3)

"""Who is at the demo school, and in which classroom? Names only; nobody here exists."""

from __future__ import annotations

from typing import Final, NamedTuple

DOMAIN: Final = "demo.school"
PASSWORD: Final = "studygraph-demo"


class ClassroomPlan(NamedTuple):
    """A classroom before it has dates: `key` names its folder of texts, `speakers` are S1 to S6 of its transcripts,
    `others` its further home students, `second` the classroom that some of them attend as well."""

    key: str
    name: str
    subject: str
    description: str
    join_code: str
    teacher: str
    speakers: tuple[str, ...]
    others: tuple[str, ...]
    second: str


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


CLASSROOMS: Final = (
    ClassroomPlan(
        "biology",
        "Plant Biology",
        "Biology",
        "How plants live on light, water and air: from the cut leaf under the microscope to the enzymes inside it. "
        "Bring a hand lens and old shoes.",
        "LEAF2K7M",
        "Maya Lindqvist",
        _names("Sam Okafor, Lena Hoffmann, Ravi Menon, Chloe Dubois, Tomas Novak, Aisha Rahman"),
        _names(
            "Ella Brandt, Kofi Asante, Marta Nowak, Arjun Pillai, Signe Dahl, Luis Herrera, Naomi Fischer, "
            "Bilal Chaudhry, Freya Holm, Gabriel Costa, Hana Suzuki, Owen Pritchard, Zeynep Kaya, Malik Traore"
        ),
        "history",
    ),
    ClassroomPlan(
        "mathematics",
        "Calculus I",
        "Mathematics",
        "Limits, derivatives and what they are good for. We go slowly where it is deep and fast where it is only "
        "arithmetic; no calculator before October.",
        "CALC9T4X",
        "Henrik Sorensen",
        _names("Noor Haddad, Ines Carvalho, Peter Kowalski, Yuki Tanaka, Grace Adeyemi, Leo Marchetti"),
        _names(
            "Anton Berg, Fatima Sow, Julia Keller, Rohan Desai, Camila Vargas, Mikael Salo, Tara Byrne, Ivan Horvat, "
            "Leila Nasser, Samuel Osei, Bianca Ricci, Jakub Zeman, Mina Park, Ewan Fraser"
        ),
        "physics",
    ),
    ClassroomPlan(
        "physics",
        "Waves and Optics",
        "Physics",
        "Ropes, ripples, sound and light, and the one idea that joins them. Half of the lessons are spent in the "
        "laboratory, and the wave tank leaks.",
        "WAVE3H8P",
        "Farah Siddiqui",
        _names("Jonas Weber, Mei Lin, Diego Alvarez, Hanna Virtanen, Kwame Mensah, Zoe Papadakis"),
        _names(
            "Alina Popescu, Marcus Lindholm, Sana Iqbal, Pedro Almeida, Kirsten Vogel, Tunde Bakare, Laura Moretti, "
            "Nikhil Rao, Astrid Nygaard, Bruno Silva, Emi Nakamura, Callum Reid, Deniz Aydin, Yara Khalil"
        ),
        "computing",
    ),
    ClassroomPlan(
        "history",
        "Industrial Revolutions",
        "History",
        "Mills, mines and railways between 1750 and 1900, read from what people left behind: letters, wage books, "
        "petitions, timetables.",
        "LOOM5R2V",
        "Oliver Grant",
        _names("Priya Nair, Mateo Rossi, Sofia Lindgren, Emeka Obi, Clara Jensen, Adam Wolski"),
        _names(
            "Johanna Roth, Ibrahim Keita, Ruth Abrams, Vikram Shah, Elena Petrescu, Finn Gallagher, Amina Yusuf, "
            "Hugo Lefevre, Karin Eklund, Rafael Pinto, Saki Mori, Bronwen Evans, Cem Demir, Lindiwe Dube"
        ),
        "literature",
    ),
    ClassroomPlan(
        "computing",
        "Algorithms and Data",
        "Computer Science",
        "How to search, sort and walk through data without waiting for ever, and how to know that a program is right "
        "before it has run.",
        "ALGO7N6D",
        "Ngozi Eze",
        _names("Felix Braun, Amara Diallo, Lucas Moreau, Hiro Sato, Elif Yilmaz, Nina Petrova"),
        _names(
            "Oskar Lehtinen, Wanjiru Kamau, Greta Baumann, Anand Joshi, Paula Ferrer, Liam Doyle, Mariam Saleh, "
            "Stefan Ilic, Thea Aasen, Nelson Mutua, Chiara Greco, Radek Dvorak, Jin Choi, Isabel Reyes"
        ),
        "mathematics",
    ),
    ClassroomPlan(
        "literature",
        "World Literature",
        "Literature",
        "From clay tablets to short stories, in translation and with the original beside it where somebody in the room "
        "can read it.",
        "BOOK4W9S",
        "Beatriz Fonseca",
        _names("Theo Laurent, Salma Aziz, Oscar Lund, Isla Murray, Dmitri Volkov, Rosa Delgado"),
        _names(
            "Helene Kruger, Yusuf Adan, Miriam Stein, Kiran Bhatt, Lucia Romero, Magnus Haugen, Adaeze Nwosu, "
            "Pauline Girard, Viktor Sandor, Joana Teixeira, Ren Ito, Megan Lloyd, Selin Arslan, Thabo Nkosi"
        ),
        "biology",
    ),
)
BY_KEY: Final = {plan.key: plan for plan in CLASSROOMS}

# A student of one classroom who helps in another: (name, classroom).
ASSISTANT: Final = ("Nina Petrova", "mathematics")
# Which of a classroom's other students attend its `second` classroom too.
VISITING: Final = (0, 3, 6, 9)

# The accounts with an address of their own; everybody else is firstname.lastname.
ACCOUNTS: Final = {
    "teacher": "Maya Lindqvist",
    "student": "Sam Okafor",
    "outsider": "Jonas Weber",
    "admin": "Ruth Calloway",
    "service": "Lesson Services",
}
# Somebody without whom everything else goes on.
SPARE_STUDENT: Final = "Lindiwe Dube"


def email_of(name: str) -> str:
    """The address of a person of the roster."""
    for account, holder in ACCOUNTS.items():
        if holder == name:
            return f"{account}@{DOMAIN}"
    return f"{name.lower().replace(' ', '.')}@{DOMAIN}"

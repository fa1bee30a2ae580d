"""How a question hangs together with those before it: it goes on from them, or asks a refused one again, or neither."""

from __future__ import annotations

import re

OWN_WORDS = 1
"""A question that brings more words of its own than this, besides those that hold a sentence together and those that
ask for the same again, is more than the same once again."""
NAMED_HERE = 2
"""With more words of its own than this before an "it", a question says itself what that is."""
FEW_WORDS = 10
"""A question with "and" or "then" in front goes on from another where it is no longer than this."""

_PICTURE = r"(?:picture|image|photo|photograph|screenshot|drawing|page|sign)s?"
_ABOUT_PICTURE = re.compile(rf"\b(?:this|that|the|these|those|my|your)(?: \w+)? {_PICTURE}\b", re.IGNORECASE)
_AFTER_PRONOUN = (
    r"(?=\W*$|[,;.?!]|\s+(?:about|again|alone|and|are|as|at|be|before|but|by|can|could|do|does|easily|fast|for|from|go"
    r"|happens?|if|in|instead|into|is|legally|like|look|mean|more|myself|now|of|off|on|or|out|over|please|quickly"
    r"|really|safely|so|step|than|then|there|to|too|up|using|was|were|when|where|while|will|with|without|work|works"
    r"|would|anyway|anyways|yourself|themselves|unnoticed|undetected|secretly|quietly|cheaply|today|tonight|tomorrow)\b)"
)
_OBTAIN = "make|buy|get|build|use|need|want|find|mix|hide|sell|take|order|have|carry|write|give|cook|grow|show|forge"
_PRONOUN = re.compile(
    r"\b(?:it|its|them|such a thing|do so|the same|both|either of them|one of them|this one|that one|these ones)\b"
    rf"|\b(?:{_OBTAIN}) (?:me |us )?(?:one|some|any)\b"
    rf"|\b(?:this|that|these|those){_AFTER_PRONOUN}",
    re.IGNORECASE,
)
_GOES_ON = re.compile(
    r"\s*(?:and|but|so|then|or|ok(?:ay)?|now|also|go on|continue|carry on|keep going|next|more|again|same|just|instead"
    r"|what about|how about|what if|tell me more|step by step|in detail|hypothetically|anyway|please)\b",
    re.IGNORECASE,
)
_FORM = (
    r"\b(?:as|in|into|for|like) (?:a |an |the )?(?:poem|song|rap|story|novel|play|scene|script|joke|list|table|recipe"
    r"|steps|bullet points|dialogue|letter|essay|tutorial|guide|haiku|limerick|other words|detail|french|german|spanish"
    r"|italian|russian|chinese|another language|base64|code|reverse|a game|class|school|research)\b"
)
_OTHER_FORM = re.compile(_FORM, re.IGNORECASE)

_LEAD = (
    r"(?:and|but|so|then|or|ok(?:ay)?|now|also|yes|yeah|well|hey|just|please|you can|can you|could you|would you"
    r"|will you|i want you to|i need you to|i said)"
)
_ANYWAY = r"(?:please|now|then|anyways?|already|first|me|at least|here)"
_WHAT_WAS_ASKED = (
    r"(?:(?:the|my|that|your|this) (?:(?:first|last|other|previous|earlier|original|same|old|next) )?"
    r"(?:question|request|answer|message)|what i (?:asked|said|wanted)(?: (?:before|first|for))*)"
)
_ONWARD = (
    r"(?:go on|continue|carry on|keep going|proceed|go ahead|once more|one more time|(?:try |once )?again|come on|more"
    r"|(?:in )?more details?|in detail|and then|after that|next|next one|what(?: comes| is|'s)? next|please"
    r"|(?:tell|teach|show)(?: me)?(?: how| more| now| anyway| then| it| that)*|how exactly|how|how so|where exactly"
    r"|do(?: it| that| this| so)?|answer(?: me| it)*|say it|finish(?: it| what you (?:began|started))?|complete it)"
)
_WHO = r"(?:i|we|you|they|he|she|one|someone|somebody|people)"
_DOING = (
    "do|make|build|buy|get|find|cook|mix|write|use(?! this)|hide|sell|order|grow|forge|carry out|pull off|start|begin"
    "|commit|plan|try|set up|produce|smuggle|extract"
)
_AGAIN = re.compile(
    # nothing but "go on", alone or after a comma
    rf"(?:^|[,.;:!?])\W*(?:{_LEAD}\W+)*{_ONWARD}(?:\W+{_ANYWAY})*\W*$"
    # a part of an answer that there was not
    r"|\b(?:the|all the) rest\b|\b(?:step|part|point|chapter) (?:\d{1,2}|one|two|three|four|five)\b"
    r"|\b(?:first|second|third|next|last|remaining|other|missing) (?:steps?|part|half|point)\b|\bstep by step\b"
    r"|\bthe (?:steps|details|instructions|ingredients|recipe|code)\b(?! (?:in|on|of|from|shown|at|here)\b)"
    rf"|\b(?:answer(?: to)?|(?:go )?back to|repeat|about) {_WHAT_WAS_ASKED}|\bwhat (?:was|is|'s) the answer\b"
    # what was asked, in another shape or under another pretext
    rf"|{_FORM}|\b(?:the same(?! as)|hypothetically|theoretically|in theory|in detail|anyways?)\b"
    r"|\blike i(?:'m| am| was)\b|\bwhat if (?:it|this|that|i)\b|\bi (?:really )?need (?:it|that)\b"
    r"|\bit(?:'s| is) (?:(?:only|just) (?:for|a)|for (?:my|our|a|the))\b"
    r"|\b(?:just|you can|do|please|tell me) (?:tell|answer|do|say|write|give|show)(?: me)?(?: it| that| so)?\W*$"
    # how that is done, and what it takes
    rf"|\b(?:how|where|what) (?:\w+ )?(?:do|does|can|could|would|should|might|to|did)(?: {_WHO})?(?: \w+ly)?"
    rf" (?:{_DOING}) (?:it|that|this|so|one|some|them)(?!\s*(?:mean|say))\b"
    rf"|\b(?:how|where) (?:do|does|can|could|would|should|to)(?: {_WHO})? (?:start|begin)\b"
    r"|\bhow long (?:does|would|will) (?:it|that) take\b"
    rf"|\b(?:what|which)(?: \w+)? (?:do|would|will|should|must) {_WHO} (?:need|have to do|do first|buy first|need to)\b"
    rf"|\b(?:where|what|how) (?:do|does|can|could|would|should) {_WHO} (?:buy|get|find|use|need) .{{0,30}}"
    r"\bfor (?:it|that)\b"
    rf"|\bhow (?:much|many)(?: of (?:it|that|them))? (?:do|would|will) {_WHO} need\b"
    r"|\bhow (?:does|would|is|was) (?:it|that) (?:work|done|made|go)\b"
    # do it, then
    r"|^\W*(?:\w+\W+){0,4}?(?:do|write|make|build|give|explain|tell|show|teach|say|finish|answer|code)(?: me)?"
    r" (?:it|that|so|one|me how|as i say|what i say|the (?:code|script|text|mail|message) for it)\b",
    re.IGNORECASE,
)
_TRANSLATES = re.compile(r"\btranslat|\bhow (?:do|would|can) (?:i|we|you|one) say\b", re.IGNORECASE)
_WITH_A_PICTURE = re.compile(r"\b(?:this|that|it|these|those|them|one)\b", re.IGNORECASE)
_ABOUT_THE_REFUSAL = re.compile(
    r"\b(?:why|what|which|how)\b.{0,40}\b(?:refus\w*|rule|rules|appeal|not allowed|won't you|can't you|cannot you"
    r"|did i do wrong|is wrong|allowed)\b|\b(?:sorry|never ?mind|forget (?:it|that)|my mistake|i didn't mean"
    r"|i did not mean|something else)\b",
    re.IGNORECASE,
)
_SMALL = frozenset(
    re.findall(
        r"[a-z]+",
        """
    a about after again all also am an and any anyhow anyway are as at be been before being but by can could
    describe detail did do does done down each even every exactly explain first for from get give go going had has
    have he her here him his how i if in instead into is it its just kind know let like list make may maybe me mean
    might mine more most much must my need next no not now of off ok okay on one ones only or other our out over
    please poem put really right same say she should show simply so some somebody someone something song step steps
    still story such sure tell than thanks that the their them then there these they thing things this those to too
    try until up us use using very want was way ways we well were what when where which while who whom why will with
    without would write yes you your
        """,
    )
)


def goes_on(question: str) -> bool:
    """Whether a question cannot be understood without an earlier one."""
    bare = without_pictures(question)
    pronoun = _PRONOUN.search(bare)
    named_here = pronoun is not None and len(own_words(bare[: pronoun.start()])) > NAMED_HERE
    if (pronoun and not named_here) or _OTHER_FORM.search(bare) or not own_words(question):
        return True
    return (bool(_GOES_ON.match(bare)) and len(bare.split()) <= FEW_WORDS) or asks_again(question)


def leads_back(question: str, *, own_picture: bool = False) -> bool:
    """Whether a question that follows a refused one has a sign that it wants that one answered after all.

    "What is this?" has none, "and now step 2?" and "how do I do it?" have one.

    Args:
        question: the new one.
        own_picture: whether a picture came with it; then "it" is what the picture shows.
    """
    sign = _AGAIN.search(question)
    something_else = (_ABOUT_THE_REFUSAL, _ABOUT_PICTURE, _TRANSLATES)
    if sign is None or any(each.search(question) for each in something_else):
        return False
    return not (own_picture and _WITH_A_PICTURE.search(sign.group()))


def asks_again(question: str, *, own_picture: bool = False) -> bool:
    """Whether a question that follows a refused one is that same one once more, and says nothing else."""
    rest = _AGAIN.sub(" ", question)
    return leads_back(question, own_picture=own_picture) and len(own_words(rest)) <= OWN_WORDS


def pronoun_in(question: str) -> re.Match[str] | None:
    """Where a question points back ("it", "one of them"); a picture that it names is not meant by that."""
    return _PRONOUN.search(without_pictures(question, "."))


def without_pictures(question: str, filler: str = " ") -> str:
    """A question of the same length, with ``filler`` over what it says about a picture."""
    return _ABOUT_PICTURE.sub(lambda match: filler * len(match.group()), question)


def own_words(text: str) -> list[str]:
    """The words of a text that do more than hold a sentence together."""
    return [word for word in re.findall(r"[^\W\d_]+", text.lower()) if word not in _SMALL and len(word) > 1]

"""A closed list of answers as a tree of tokens, in which equal beginnings are one path.

De Cao et al. 2021, "Autoregressive Entity Retrieval", section 3.2, for decoding held to such a tree.
"""

from collections.abc import Sequence

from assistant_vlm.errors import SettingsError
from assistant_vlm.tokenizer import Tokenizer


class Trie:
    """Options by their tokens. Nodes are numbered; 0 is the root, and a child's number is above its parent's.

    Attributes:
        options: The texts, each once, in the order given.
        children: For each node, the number of the node that each next token leads to.
        option: For each node, the index of the option that ends there, or -1.
        longest: Tokens of the longest option.

    Args:
        tokenizer: The model's tokenizer.
        options: The answers to choose among; one that is given again is left out.

    Raises:
        SettingsError: There is no option, or one without text.
    """

    def __init__(self, tokenizer: Tokenizer, options: Sequence[str]) -> None:
        self.options = tuple(dict.fromkeys(options))
        if not self.options:
            raise SettingsError("expected at least one option to choose among, got none")
        self.children: list[dict[int, int]] = [{}]
        self.option = [-1]
        self.longest = 0
        for index, text in enumerate(self.options):
            tokens = tokenizer.encode(text)
            if not tokens:
                raise SettingsError(f"expected options of at least one character, got {text!r} as number {index + 1}")
            self.longest = max(self.longest, len(tokens))
            node = 0
            for token in tokens:
                node = self.children[node].setdefault(token, len(self.children))
                if node == len(self.children):
                    self.children.append({})
                    self.option.append(-1)
            self.option[node] = index

    def __len__(self) -> int:
        return len(self.children)

    def check_room(self, room: int) -> None:
        """See that every option and its end fit.

        Raises:
            SettingsError: The longest does not fit into `room` tokens.
        """
        if self.longest + 1 > room:
            raise SettingsError(f"expected options of at most {room - 1} tokens, got one of {self.longest}")

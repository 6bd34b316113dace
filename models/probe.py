"""The text on which heads are recorded while they form, and told by their roles on a card."""

# Written for this purpose, so that it is in no corpus. Names and whole phrases come back word for word, in the manner of
# the novels that the family read: what followed an earlier copy (induction) can be looked up at two thirds of its
# tokens, earlier copies (duplicate token) at as many, and a token before (previous token) at every one.
PROBE = (
    "Mr. Marlow met Clara Whitfield at the garden gate, and Clara Whitfield gave him a letter. "
    '"I have been waiting for the carriage," said Clara Whitfield. '
    "Mr. Marlow looked at the letter, and then he looked at the garden gate. "
    '"I have been waiting for the letter," said Mr. Marlow. '
    "The carriage came at last, and Mr. Marlow gave Clara Whitfield the letter; "
    "and at the garden gate he was waiting for the carriage, and the letter, and Clara Whitfield."
)

"""The alpha that each request, and each of its tokens, is computed at. Needs torch, and no vLLM."""

from __future__ import annotations

import torch

from alphadial.merge_engine.errors import MergeError


class Rows:
    """The alphas of a running batch: by row, one for each request, and by token of the step that is computed.

    vLLM keeps requests in rows, moves them about as others come and go, and computes the tokens of all rows together:
    one token of a request that decodes, many of one whose prompt is read, or a chunk of these. Behind the last token
    there may be padding, which is computed at alpha 0 and read by nobody.

    A batch that does not fit what is known of its rows raises: no request is ever computed at a default.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._of_rows: dict[int, float] = {}
        self.of_requests = self._column([])
        """[requests, 1], float32: what the head computes, for it sees one token of each request."""
        self.of_tokens = self._column([])
        """[tokens, 1], float32: what all other layers compute."""

    def remove(self, row: int) -> None:
        """The request of this row has ended or is paused."""
        self._of_rows.pop(row, None)

    def add(self, row: int, alpha: float) -> None:
        """A request begins, or goes on, in this row."""
        self._of_rows[row] = alpha

    def move(self, source: int, target: int) -> None:
        """The request of row ``source`` is in row ``target`` now."""
        self._of_rows[target] = self._of_rows.pop(source)

    def swap(self, one: int, other: int) -> None:
        """The requests of two rows change places."""
        self._of_rows[one], self._of_rows[other] = self._of_rows[other], self._of_rows[one]

    def settle(self, count: int) -> None:
        """All changes are told, and rows 0 to before ``count`` hold requests.

        Raises:
            MergeError: they are not the rows that are known.
        """
        if sorted(self._of_rows) != list(range(count)):
            raise MergeError(f"rows {sorted(self._of_rows)} of the batch have an alpha, and it has {count} requests")
        self.of_requests = self._column([self._of_rows[row] for row in range(count)])

    def begin_step(self, starts: torch.Tensor, tokens: int) -> None:
        """A step is about to be computed.

        Args:
            starts: number of the first token of each row, and behind them that of the first after the last row; may go
                on with rows of no token.
            tokens: how many are computed, padding among them.

        Raises:
            MergeError: the step has other rows than those that are known.
        """
        requests = len(self.of_requests)
        counts = starts.diff()
        filled = int(starts[-1])
        if len(counts) < requests or int(starts[min(requests, len(counts))]) != filled or filled > tokens:
            raise MergeError(f"a step of {len(counts)} rows and {filled} of {tokens} tokens, and {requests} requests")
        of_filled = torch.repeat_interleave(self.of_requests, counts[:requests], dim=0, output_size=filled)
        self.of_tokens = torch.nn.functional.pad(of_filled, (0, 0, 0, tokens - filled))

    def begin_trial(self, tokens: int) -> None:
        """A step of no request is about to be computed, as engines do to see how much memory it takes.

        Raises:
            MergeError: there are requests.
        """
        if len(self.of_requests):
            raise MergeError(f"a step that tells nothing of its {len(self.of_requests)} requests")
        self.of_tokens = torch.zeros(tokens, 1, device=self._device)

    def at_head(self, rows: int) -> torch.Tensor:
        """The alphas of the tokens that the head sees, [rows, 1].

        Raises:
            MergeError: it sees other tokens than one of each request.
        """
        if not len(self.of_requests):
            return torch.zeros(rows, 1, device=self._device)
        if rows != len(self.of_requests):
            raise MergeError(f"the head is given {rows} tokens of {len(self.of_requests)} requests")
        return self.of_requests

    def _column(self, alphas: list[float]) -> torch.Tensor:
        return torch.tensor(alphas, dtype=torch.float32, device=self._device).view(-1, 1)

"""REINFORCE on ``alphadial/Coding-v0``: the low end of ``tiny`` learns to be fast on a few training problems.

    python examples/rl_loop.py

Every episode is one program, judged in the sandbox at full coverage. Rewards begin low, since programs that are right
on small tests run out of steps on large ones, and rise within a minute on two cores.
"""

import json
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from alphadial.envs import CodingEnv, tool_call
from alphadial.merge_engine import load_family

PROBLEMS = [
    f"pairs_nextdiv_product.{name}.tight" for name in ("from5.from2", "plus1.triple1", "flip1.plus1", "plus3.same")
]
EPISODES = 24


def main(steps: int = 12) -> None:
    """Trains for so many steps, and prints the mean reward of each."""
    torch.manual_seed(0)
    folder = load_family("tiny").path / "low"
    model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=False, use_safetensors=True)
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    optimiser = torch.optim.AdamW(model.parameters(), lr=5e-4)
    env = CodingEnv(split="train", problems=PROBLEMS, setting="reasoning", prompt="compact")
    for step in range(steps):
        problem = {"problem": PROBLEMS[step % len(PROBLEMS)]}
        observation, _ = env.reset(options=problem)
        asked = tokenizer.apply_chat_template(json.loads(observation), return_tensors="pt", return_dict=True)[
            "input_ids"
        ]
        answers = model.generate(asked.repeat(EPISODES, 1), do_sample=True, max_new_tokens=96, use_cache=True)
        written = answers[:, asked.shape[1] :]
        rewards = []
        for program in tokenizer.batch_decode(written, skip_special_tokens=True):
            env.reset(options=problem)
            _, reward, _, _, _ = env.step(tool_call("submit", program=program))
            rewards.append(reward)
        advantages = torch.tensor(rewards) - sum(rewards) / EPISODES
        logits = model(answers).logits[:, asked.shape[1] - 1 : -1]
        log_p = -torch.nn.functional.cross_entropy(logits.transpose(1, 2), written, reduction="none")
        kept = written != tokenizer.pad_token_id
        loss = -(advantages[:, None] * log_p * kept).sum() / kept.sum()
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        print(f"step {step:2}  {problem['problem']:42}  reward {sum(rewards) / EPISODES:.2f}", flush=True)
    env.close()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

# An event loop.
import asyncio


async def part(numbers):
    await asyncio.sleep(0)
    return sum(numbers)


async def main():
    n, *numbers = map(int, open(0).read().split())
    print(sum(await asyncio.gather(*(part(numbers[i::3]) for i in range(3)))))


asyncio.run(main())

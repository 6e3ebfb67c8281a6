// Threads, streams and deep recursion on a stack of its own.
import java.util.Scanner;
import java.util.stream.LongStream;

public class Main {
    static long total(long[] numbers, int at) {
        return at == numbers.length ? 0 : numbers[at] + total(numbers, at + 1);
    }

    public static void main(String[] words) throws Exception {
        Scanner in = new Scanner(System.in);
        int n = in.nextInt();
        long[] numbers = LongStream.generate(in::nextLong).limit(n).toArray();
        long[] found = new long[1];
        Thread thread = new Thread(null, () -> found[0] = total(numbers, 0), "deep", 1 << 28);
        thread.start();
        thread.join();
        if (LongStream.of(numbers).parallel().sum() != found[0]) System.exit(1);
        System.out.println(found[0]);
    }
}

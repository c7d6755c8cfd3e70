// SPDX-License-Identifier: MIT
using System.Globalization;

namespace Model;

/// <summary>
/// Random sequences of requests, writes and failures on a driver and on a model of it. Where they do not agree, the shortest
/// sequence that shows it is printed.
/// Arguments: --driver simulation|kernel, --steps N, --seed S. The kernel's disks are in BLKSNAP_TEST_DISKS, and are overwritten.
/// </summary>
public static class Program
{
    /// <summary>Steps of one sequence; the next one starts on a fresh machine.</summary>
    public const int SequenceLength = 150;

    public static int Main(string[] arguments)
    {
        string driver = "simulation";
        int steps = 6000;
        int seed = 1;
        for (int i = 0; i < arguments.Length; i += 2)
        {
            string? value = i + 1 < arguments.Length ? arguments[i + 1] : null;
            switch (arguments[i])
            {
                case "--driver" when value is "simulation" or "kernel":
                    driver = value;
                    break;
                case "--steps" when int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out steps):
                case "--seed" when int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out seed):
                    break;
                default:
                    Console.Error.WriteLine("model [--driver simulation|kernel] [--steps N] [--seed S]");
                    return 2;
            }
        }

        string[] disks = (Environment.GetEnvironmentVariable("BLKSNAP_TEST_DISKS") ?? string.Empty).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (driver == "kernel" && disks.Length <= Reference.DeviceCount)
        {
            Console.Error.WriteLine($"BLKSNAP_TEST_DISKS has to name {Reference.DeviceCount + 1} scratch disks.");
            return 2;
        }

        Func<Machine> make = driver == "kernel" ? () => new KernelMachine(disks) : () => new SimulationMachine();
        if (Find(make, seed, steps) is { } difference)
        {
            Console.WriteLine($"model: not ok 1 - {driver} and model agree, seed {seed}\n{difference}");
            return 1;
        }

        Console.WriteLine($"model: ok 1 - {driver} and model agree in {steps} steps, seed {seed}, on .NET {Environment.Version}");
        return 0;
    }

    /// <summary>Looks for a difference, and shrinks it.</summary>
    /// <returns>Null if there is none in so many steps.</returns>
    public static Difference? Find(Func<Machine> make, int seed, int steps)
    {
        Random random = new(seed);
        for (int done = 0; done < steps; done += SequenceLength)
        {
            Step[] sequence = Step.Sequence(random, Math.Min(SequenceLength, steps - done));
            if (Comparison.Run(make, sequence) is { } found)
            {
                return Comparison.Shrink(make, found);
            }
        }

        return null;
    }
}

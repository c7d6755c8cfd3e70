// SPDX-License-Identifier: MIT
using Model;

namespace Unit.Library;

/// <summary>The simulation against the model that the kernel is compared with too.</summary>
public sealed class ModelTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Simulation_and_model_agree(int seed)
    {
        Difference? difference = Model.Program.Find(() => new SimulationMachine(), seed, 3000);
        Assert.True(difference is null, $"{difference}");
    }

    [Theory]
    [InlineData(nameof(Defect.LeakingImage), 5)]
    [InlineData(nameof(Defect.ForgottenChange), 5)]
    [InlineData(nameof(Defect.SilentLoss), 7)]
    [InlineData(nameof(Defect.StuckTracker), 1)]
    public void A_planted_defect_is_found_and_shown_in_a_few_steps(string defect, int steps)
    {
        Difference? difference = Model.Program.Find(() => new SimulationMachine(Enum.Parse<Defect>(defect)), 1, 30000);
        Assert.NotNull(difference);
        Assert.True(difference.Steps.Count <= steps, $"{difference}");
    }
}

import pytest
import torch

from assistant_vlm.errors import SettingsError, WeightsError
from assistant_vlm.familiarity import Familiarity, fit, read_familiarity


def drawn(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Two domains with one covariance, which is far from round."""
    generator = torch.Generator().manual_seed(seed)
    shape = torch.tensor([[3.0, 0.0, 0.0], [2.0, 0.5, 0.0], [0.0, 0.0, 1.0]])
    domains = torch.arange(4000) % 2
    centres = torch.tensor([[0.0, 0.0, 0.0], [10.0, 0.0, 5.0]])
    return torch.randn(4000, 3, generator=generator) @ shape.T + centres[domains], domains


def test_it_is_the_direction_from_the_nearest_and_the_distance_from_the_centre() -> None:
    features, domains = drawn()
    found = fit(features[:60], domains[:60], shrinkage=1e-9)
    x, new = features[:60].double(), drawn(1)[0][:20].double()
    centres = [x[domains[:60] == d].mean(0) for d in (0, 1)]
    apart = torch.stack([one - centres[int(d)] for one, d in zip(x, domains[:60], strict=True)])
    axes, spread, _ = torch.linalg.svd(apart.T @ apart / 58)
    rounded = axes @ torch.diag(spread.rsqrt())  # another way to a round covariance: turned, which no distance sees
    points, others = (new - x.mean(0)) @ rounded, (x - x.mean(0)) @ rounded
    wanted: list[float] = []
    for one in points:
        turns = sorted(float((one / one.norm() - other / other.norm()).norm()) for other in others)[:3]
        far = min(float((one - (centre - x.mean(0)) @ rounded).norm()) for centre in centres)
        wanted.append(sum(turns) / 3 + 0.006 * far)
    # known pictures are kept in float16
    torch.testing.assert_close(
        found.distances(new.float()).double(), torch.tensor(wanted).double(), rtol=5e-3, atol=2e-3
    )


def test_what_points_elsewhere_is_strange_and_so_is_what_lies_far_out() -> None:
    features, domains = drawn()
    found = fit(features, domains)
    usual = found.distances(drawn(1)[0]).quantile(0.99)
    # as far from the centre as many pictures are, but where none is
    assert float(found.distances(torch.tensor([[-4.0, 6.0, 0.0]]))) > usual
    assert float(found.distances(features[:1] * 100)) > usual


def test_the_numbers_of_the_domains_do_not_matter() -> None:
    features, domains = drawn()
    other = fit(features, domains * 7 - 3)
    torch.testing.assert_close(other.distances(features[:9]), fit(features, domains).distances(features[:9]))


def test_few_pictures_of_many_dimensions_still_have_distances() -> None:
    features = torch.randn(6, 64, generator=torch.Generator().manual_seed(0))
    found = fit(features, torch.tensor([0, 0, 0, 1, 1, 1]))
    far = found.distances(features + 50)
    assert bool(far.isfinite().all())
    assert bool((far > found.distances(features)).all())


def test_it_survives_its_file() -> None:
    found = fit(*drawn())
    again = read_familiarity(found.to_bytes(), 3)
    assert isinstance(again, Familiarity)
    assert torch.equal(again.centres, found.centres)
    assert torch.equal(again.factor, found.factor)
    assert torch.equal(again.distances(drawn(1)[0][:9]), found.distances(drawn(1)[0][:9]))


def test_a_file_of_another_shape_says_what_was_expected() -> None:
    with pytest.raises(WeightsError, match=r"mean \[4\], .*`training.familiarise` writes the file anew"):
        read_familiarity(fit(*drawn()).to_bytes(), 4)


@pytest.mark.parametrize(
    ("features", "domains", "said"),
    [
        (torch.zeros(5), torch.zeros(5), "features"),
        (torch.zeros(5, 2), torch.zeros(4), r"\[5, 2\] and \[4\]"),
        (torch.zeros(2, 2), torch.tensor([0, 1]), "more pictures than the 2 domains, got 2"),
        (torch.full((5, 2), torch.inf), torch.zeros(5), "finite"),
    ],
)
def test_what_cannot_be_fitted_is_named(features: torch.Tensor, domains: torch.Tensor, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        fit(features, domains)
    with pytest.raises(SettingsError, match="shrinkage above 0"):
        fit(*drawn(), shrinkage=0)

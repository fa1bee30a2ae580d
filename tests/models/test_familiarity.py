import math

import pytest
import torch

from assistant_vlm.errors import SettingsError
from assistant_vlm.familiarity import Familiarity, fit, read_familiarity


def drawn(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Two domains with one covariance, which is far from round."""
    generator = torch.Generator().manual_seed(seed)
    shape = torch.tensor([[3.0, 0.0, 0.0], [2.0, 0.5, 0.0], [0.0, 0.0, 1.0]])
    domains = torch.arange(4000) % 2
    centres = torch.tensor([[0.0, 0.0, 0.0], [10.0, 0.0, 5.0]])
    return torch.randn(4000, 3, generator=generator) @ shape.T + centres[domains], domains


def test_distance_is_that_to_the_nearest_centre_in_its_own_covariance() -> None:
    features, domains = drawn()
    found = fit(features, domains, shrinkage=1e-9)
    x, wanted = features[:50].double(), []
    covariance = sum(torch.cov(features[domains == d].double().T) for d in (0, 1)) / 2
    for one in x:
        apart = [one - features[domains == d].double().mean(0) for d in (0, 1)]
        wanted.append(min(math.sqrt(float(a @ torch.linalg.inv(covariance) @ a)) for a in apart))
    # float32 against float64, over a covariance whose axes differ by a factor of ten
    torch.testing.assert_close(
        found.distances(features[:50]).double(), torch.tensor(wanted).double(), rtol=2e-3, atol=1e-3
    )


def test_in_three_dimensions_the_mean_square_distance_is_three() -> None:
    features, domains = drawn()
    found = fit(features, domains, shrinkage=1e-9)
    assert float(found.distances(drawn(1)[0]).square().mean()) == pytest.approx(3, abs=0.2)  # of 4,000 draws
    # as far from the centre as many pictures are, but where none is
    along, across = torch.tensor([[-6.0, -4.0, 0.0]]), torch.tensor([[-4.0, 6.0, 0.0]])
    assert float(found.distances(across)) > 4 * float(found.distances(along))


def test_the_numbers_of_the_domains_do_not_matter() -> None:
    features, domains = drawn()
    other = fit(features, domains * 7 - 3)
    torch.testing.assert_close(other.centres, fit(features, domains).centres)


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

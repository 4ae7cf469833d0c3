"""A model of a small shop, trained once, and the application that answers with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from next_purchase.learning.training import train
from next_purchase.models.artifact import TrainedModel, load_artifact
from next_purchase.sagemaker_contract import ContainerPaths
from next_purchase.serving.application import create_application
from tests.unit.container.retail_data import make_shop, write_lines

if TYPE_CHECKING:
    from flask.testing import FlaskClient


@pytest.fixture(scope="session")
def shop_folder(tmp_path_factory: pytest.TempPathFactory) -> ContainerPaths:
    """Return what a training left, beside the transactions it read."""
    paths = ContainerPaths(tmp_path_factory.mktemp("shop"))
    write_lines(paths.channel("training") / "Online_Retail.csv", make_shop(customers=200))
    train(paths, {})
    return paths


@pytest.fixture(scope="session")
def shop_model(shop_folder: ContainerPaths) -> TrainedModel:
    """Return the model that was learned."""
    return load_artifact(shop_folder.model)


@pytest.fixture(scope="session")
def client(shop_model: TrainedModel) -> FlaskClient:
    """Return a client of the application that serves it."""
    return create_application(shop_model, concurrent_requests=3).test_client()


@pytest.fixture(scope="session")
def sample(shop_folder: ContainerPaths) -> str:
    """Return the features file that training wrote, with its header."""
    return (shop_folder.output_data / "sample_prediction.csv").read_text(encoding="utf-8")

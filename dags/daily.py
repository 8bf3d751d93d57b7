"""One daily DAG for each contract: those of logpress, and those in the folders of LOGPRESS_CONTRACTS.

A contract with `by_user` has another DAG, which sorts its published days by user.
"""

from airflow.sdk import DAG

from logpress.contract import contract_names, load_contract
from logpress.errors import ContractError
from logpress_dags.history import history_dag
from logpress_dags.table import broken_dag, table_dag

for name in contract_names():
    daily: DAG
    try:
        contract = load_contract(name)
        if contract.table != name:
            raise ContractError(f"{name}.yaml: is the contract of {contract.table!r}; name it {contract.table}.yaml")
        daily = table_dag(contract)
        if contract.by_user is not None:
            history = history_dag(contract)
            globals()[history.dag_id] = history
    except ContractError as error:  # so that other tables keep their DAGs
        daily = broken_dag(name, str(error))
    globals()[daily.dag_id] = daily
